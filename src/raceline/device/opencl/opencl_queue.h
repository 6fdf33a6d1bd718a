// An in-order queue of an OpenCL device. For device/ and kernels/opencl alone.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "raceline/device/opencl/opencl_device.h"

namespace raceline {

/// How many work-items, and how many of them in a group. Dimensions that are not used have 1; a group of 0
/// leaves its size to the driver.
struct WorkSize {
  std::array<size_t, 3> items{1, 1, 1};
  std::array<size_t, 3> group{1, 1, 1};
};

/// Commands run when the device gets to them; errors that come late are told by wait(). copy() between the
/// host and the device needs the host's memory until then.
class OpenClQueue final : public Queue {
 public:
  /// Throws IoError when the driver refuses.
  explicit OpenClQueue(const OpenClDevice& device);
  ~OpenClQueue() override;
  OpenClQueue(const OpenClQueue&) = delete;
  OpenClQueue& operator=(const OpenClQueue&) = delete;

  DeviceId device() const override { return device_.id(); }
  int threads() const override { return 1; }
  void bind() override {}
  Status copy(Memory destination, Memory source, size_t bytes) override;
  /// The end of the last command, or where the queue has been waited for, a command of its own: its end is
  /// now. The latest most_events can be timed.
  Event record() override;
  Status wait() override;
  double elapsed_us(Event from, Event to) const override;
  void trace(bool on) override;
  size_t traced() const override { return trace_.size(); }
  std::vector<CommandTimes> commands() const override;

  static constexpr uint64_t most_events = 1 << 14;

  const OpenClApi& api() const { return device_.api(); }
  cl_command_queue handle() const { return queue_; }
  /// Runs a kernel. Each Memory is two of its arguments: the buffer, and the offset in it in floats (ulong);
  /// an int, int64_t (as int) or float is one. Nothing runs where a dimension is 0.
  template <class... Arguments>
  Status launch(const OpenClKernel& kernel, const WorkSize& size, const Arguments&... arguments) {
    cl_uint index = 0;
    cl_int error = CL_SUCCESS;
    ((error = error == CL_SUCCESS ? set(kernel.get(), index, arguments) : error), ...);
    return error == CL_SUCCESS ? enqueue(kernel.get(), size) : Status::failed(opencl_message(error));
  }
  /// What came of a command that was enqueued here, with its event.
  Status took(cl_int error, cl_event event);

 private:
  cl_int set(cl_kernel kernel, cl_uint& index, const Memory& memory) const;
  cl_int set(cl_kernel kernel, cl_uint& index, cl_int number) const;
  cl_int set(cl_kernel kernel, cl_uint& index, cl_float number) const;
  cl_int set(cl_kernel kernel, cl_uint& index, int64_t number) const {
    return set(kernel, index, static_cast<cl_int>(number));
  }
  Status enqueue(cl_kernel kernel, const WorkSize& size);
  void set_last(cl_event event);
  int64_t time_ns(cl_event event, cl_profiling_info which) const;
  int64_t end_ns(Event event) const;

  const OpenClDevice& device_;
  cl_command_queue queue_ = nullptr;
  cl_event last_ = nullptr;       ///< of the last command since the queue was waited for
  std::vector<cl_event> events_;  ///< the latest, in turn
  uint64_t recorded_ = 0;
  bool traces_ = false;
  std::vector<cl_event> trace_;
};

}  // namespace raceline
