// A device that gives released memory again.
#pragma once
#include <map>

#include "raceline/device/device.h"

namespace raceline {

/// Another device whose large blocks are kept when they are released and given again where one of about the
/// size is asked for. For programs that prepare kernels one after another by the thousand: the system clears
/// each new page, which took a third of the time to profile a network with large weights. What a block holds
/// is unspecified.
class ReusingDevice final : public Device {
 public:
  /// Keeps at most `most_bytes` that nobody uses. `device` must outlive this.
  ReusingDevice(Device& device, size_t most_bytes) : device_(device), most_bytes_(most_bytes) {}
  ~ReusingDevice() override { give_back(0); }
  ReusingDevice(const ReusingDevice&) = delete;
  ReusingDevice& operator=(const ReusingDevice&) = delete;

  DeviceId id() const override { return device_.id(); }
  std::string name() const override { return device_.name(); }
  std::string fingerprint() const override { return device_.fingerprint(); }
  Memory allocate(size_t bytes) override;
  void release(Memory memory) noexcept override;
  std::unique_ptr<Queue> make_queue(int threads) override { return device_.make_queue(threads); }

  size_t kept_bytes() const { return kept_bytes_; }

 private:
  /// Releases kept blocks, the largest first, until no more than `bytes` are kept.
  void give_back(size_t bytes) noexcept;

  Device& device_;
  size_t most_bytes_;
  size_t kept_bytes_ = 0;
  std::map<void*, size_t> used_;        ///< large blocks by handle
  std::multimap<size_t, Memory> kept_;  ///< by size
};

}  // namespace raceline
