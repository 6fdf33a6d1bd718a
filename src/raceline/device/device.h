// Where kernels run: memory, queues, copies. The CPU is one device among others.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "raceline/base/memory.h"
#include "raceline/base/status.h"
#include "raceline/device/machine.h"

namespace raceline {

/// A point in a queue's work, to be waited for or timed.
struct Event {
  uint64_t id = 0;
};

/// When a command of a queue was given to it, began and ended, in microseconds of the device's clock since
/// the first of them was given.
struct CommandTimes {
  double queued_us = 0, start_us = 0, end_us = 0;
};

/// Work for one device, done in order. Belongs to one host thread at a time. The CPU's queue is synchronous:
/// a kernel has run when run() returns. Errors of other devices may come late, from wait().
class Queue {
 public:
  virtual ~Queue() = default;
  virtual DeviceId device() const = 0;
  /// Threads that a kernel may use (a parallel region's size); 1 on devices with threads of their own.
  virtual int threads() const = 0;
  /// Makes the calling thread ready to run kernels of this queue (on the CPU: sets libgomp's team size, which
  /// libraries read).
  virtual void bind() = 0;
  virtual Status copy(Memory destination, Memory source, size_t bytes) = 0;
  virtual Event record() = 0;
  virtual Status wait() = 0;
  /// Between two recorded events that have completed. Throws DeviceError where the device does not tell.
  virtual double elapsed_us(Event from, Event to) const = 0;
  /// From now on the times of all commands are kept, or no longer; what was kept is forgotten. A queue whose
  /// kernels have run when run() returns has no commands.
  virtual void trace(bool /*on*/) {}
  /// How many commands were given since trace(true).
  virtual size_t traced() const { return 0; }
  /// Their times, when the queue has been waited for. Throws DeviceError where the device does not tell.
  virtual std::vector<CommandTimes> commands() const { return {}; }
};

/// A device: allocates memory and makes queues.
class Device {
 public:
  virtual ~Device() = default;
  virtual DeviceId id() const = 0;
  virtual std::string name() const = 0;
  /// Costs measured under the same fingerprint may be shared.
  virtual std::string fingerprint() const = 0;
  /// Aligned to 64 bytes. Throws IoError when memory is short.
  virtual Memory allocate(size_t bytes) = 0;
  virtual void release(Memory memory) noexcept = 0;
  virtual std::unique_ptr<Queue> make_queue(int threads) = 0;
};

/// Memory of a device that is released at the end of its scope.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Device& device, size_t bytes) : device_(&device), memory_(device.allocate(bytes)), bytes_(bytes) {}
  ~Buffer() { reset(); }
  Buffer(Buffer&& other) noexcept { *this = std::move(other); }
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(device_, other.device_);
    std::swap(memory_, other.memory_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }
  void reset() {
    if (device_ != nullptr && memory_) device_->release(memory_);
    device_ = nullptr;
    memory_ = {};
    bytes_ = 0;
  }
  Memory memory() const { return memory_; }
  size_t bytes() const { return bytes_; }

 private:
  Device* device_ = nullptr;
  Memory memory_;
  size_t bytes_ = 0;
};

}  // namespace raceline
