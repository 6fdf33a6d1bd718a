// The CPU as a device. One pool of threads, libgomp's, and no other.
#pragma once
#include "raceline/device/device.h"

namespace raceline {

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(Machine machine) : machine_(std::move(machine)) {}
  const Machine& machine() const { return machine_; }

  DeviceId id() const override { return {DeviceKind::cpu, 0}; }
  std::string name() const override { return machine_.cpu_model; }
  std::string fingerprint() const override { return machine_.fingerprint(); }
  Memory allocate(size_t bytes) override;
  void release(Memory memory) noexcept override;
  std::unique_ptr<Queue> make_queue(int threads) override;

 private:
  Machine machine_;
};

/// Pins the calling thread and the threads of its parallel regions to one core each, in the order the
/// system allowed this process at the first call; false where the system refuses. For programs that measure.
bool pin_threads(int threads);

}  // namespace raceline
