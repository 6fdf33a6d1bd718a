// An accelerator that pretends: the host's memory, under another name, and a queue that can be lost.
#pragma once
#include <cstring>
#include <memory>
#include <new>
#include <string>

#include "raceline/device/device.h"

namespace raceline {

class StandInDevice final : public Device {
 public:
  DeviceId id() const override { return {DeviceKind::opencl, 0}; }
  std::string name() const override { return "a stand-in"; }
  std::string fingerprint() const override { return "stand-in"; }
  Memory allocate(size_t bytes) override { return {id(), ::operator new(bytes, line), 0}; }
  void release(Memory memory) noexcept override { ::operator delete(memory.handle, line); }
  std::unique_ptr<Queue> make_queue(int /*threads*/) override { return std::make_unique<OwnQueue>(*this); }

  bool lost = false;  ///< waiting fails from here on
  int waits = 0;

 private:
  static constexpr std::align_val_t line{64};

  class OwnQueue final : public Queue {
   public:
    explicit OwnQueue(StandInDevice& device) : device_(device) {}
    DeviceId device() const override { return device_.id(); }
    int threads() const override { return 1; }
    void bind() override {}
    Status copy(Memory destination, Memory source, size_t bytes) override {
      if (bytes > 0) std::memmove(destination.host(), source.host(), bytes);
      return Status::ok();
    }
    Event record() override { return {}; }
    Status wait() override {
      ++device_.waits;
      return device_.lost ? Status::failed("the device is lost") : Status::ok();
    }
    double elapsed_us(Event /*from*/, Event /*to*/) const override { return 0; }

   private:
    StandInDevice& device_;
  };
};

}  // namespace raceline
