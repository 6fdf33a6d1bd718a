#include "raceline/device/opencl/opencl_queue.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {

OpenClQueue::OpenClQueue(const OpenClDevice& device) : device_(device) {
  cl_int error = CL_SUCCESS;
  queue_ = api().create_queue(device.context(), device.handle(), CL_QUEUE_PROFILING_ENABLE, &error);
  want_success(error, "clCreateCommandQueue");
}

OpenClQueue::~OpenClQueue() {
  api().finish(queue_);
  trace(false);
  if (last_ != nullptr) api().release_event(last_);
  for (const cl_event event : events_) {
    if (event != nullptr) api().release_event(event);
  }
  api().release_queue(queue_);
}

void OpenClQueue::set_last(cl_event event) {
  if (last_ != nullptr) api().release_event(last_);
  last_ = event;
}

Status OpenClQueue::took(cl_int error, cl_event event) {
  if (error != CL_SUCCESS) return Status::failed(opencl_message(error));
  if (traces_) {
    api().retain_event(event);
    trace_.push_back(event);
  }
  set_last(event);
  return Status::ok();
}

void OpenClQueue::trace(bool on) {
  for (const cl_event event : trace_) api().release_event(event);
  trace_.clear();
  traces_ = on;
}

std::vector<CommandTimes> OpenClQueue::commands() const {
  std::vector<CommandTimes> times;
  if (trace_.empty()) return times;
  const int64_t begin = time_ns(trace_.front(), CL_PROFILING_COMMAND_QUEUED);
  for (const cl_event event : trace_) {
    const auto since_begin_us = [&](cl_profiling_info which) {
      return static_cast<double>(time_ns(event, which) - begin) * 1e-3;
    };
    times.push_back({since_begin_us(CL_PROFILING_COMMAND_QUEUED), since_begin_us(CL_PROFILING_COMMAND_START),
                     since_begin_us(CL_PROFILING_COMMAND_END)});
  }
  return times;
}

Status OpenClQueue::copy(Memory destination, Memory source, size_t bytes) {
  if (bytes == 0) return Status::ok();
  cl_event event = nullptr;
  if (is_host(destination.device) && is_host(source.device)) {
    const Status status = wait();
    if (status.is_ok()) std::memmove(destination.host(), source.host(), bytes);
    return status;
  }
  cl_int error = CL_SUCCESS;
  if (is_host(source.device)) {
    error = api().enqueue_write(queue_, buffer_of(destination), CL_FALSE, destination.offset, bytes,
                                source.host(), 0, nullptr, &event);
  } else if (is_host(destination.device)) {
    error = api().enqueue_read(queue_, buffer_of(source), CL_FALSE, source.offset, bytes, destination.host(),
                               0, nullptr, &event);
  } else {
    error = api().enqueue_copy(queue_, buffer_of(source), buffer_of(destination), source.offset,
                               destination.offset, bytes, 0, nullptr, &event);
  }
  return took(error, event);
}

Event OpenClQueue::record() {
  cl_event event = last_;
  if (event == nullptr) {
    if (api().enqueue_marker(queue_, 0, nullptr, &event) != CL_SUCCESS) event = nullptr;
  } else {
    api().retain_event(event);
  }
  if (recorded_ < most_events) {
    events_.push_back(event);
  } else {
    cl_event& slot = events_[recorded_ % most_events];
    if (slot != nullptr) api().release_event(slot);
    slot = event;
  }
  return {recorded_++};
}

Status OpenClQueue::wait() {
  cl_int error = api().finish(queue_);
  if (last_ != nullptr) {
    cl_int state = CL_COMPLETE;
    const cl_int asked =
        api().get_event_info(last_, CL_EVENT_COMMAND_EXECUTION_STATUS, sizeof state, &state, nullptr);
    if (error == CL_SUCCESS) error = asked;
    if (error == CL_SUCCESS && state < 0) error = state;
    set_last(nullptr);
  }
  return error == CL_SUCCESS ? Status::ok() : Status::failed(opencl_message(error));
}

int64_t OpenClQueue::time_ns(cl_event event, cl_profiling_info which) const {
  cl_ulong time = 0;
  if (event == nullptr || api().get_event_times(event, which, sizeof time, &time, nullptr) != CL_SUCCESS ||
      time == 0) {
    throw DeviceError(fmt::format("{} does not tell the time of a command", device_.name()));
  }
  return static_cast<int64_t>(time);
}

int64_t OpenClQueue::end_ns(Event event) const {
  const bool is_kept = event.id < recorded_ && recorded_ - event.id <= most_events;
  return time_ns(is_kept ? events_[event.id % most_events] : nullptr, CL_PROFILING_COMMAND_END);
}

double OpenClQueue::elapsed_us(Event from, Event to) const {
  return static_cast<double>(std::max(int64_t{0}, end_ns(to) - end_ns(from))) * 1e-3;
}

cl_int OpenClQueue::set(cl_kernel kernel, cl_uint& index, const Memory& memory) const {
  const cl_mem buffer = buffer_of(memory);
  const cl_ulong offset = memory.offset / sizeof(cl_float);
  const cl_int error = api().set_argument(kernel, index++, sizeof(void*), &buffer);
  if (error != CL_SUCCESS) return error;
  return api().set_argument(kernel, index++, sizeof offset, &offset);
}

cl_int OpenClQueue::set(cl_kernel kernel, cl_uint& index, cl_int number) const {
  return api().set_argument(kernel, index++, sizeof number, &number);
}

cl_int OpenClQueue::set(cl_kernel kernel, cl_uint& index, cl_float number) const {
  return api().set_argument(kernel, index++, sizeof number, &number);
}

Status OpenClQueue::enqueue(cl_kernel kernel, const WorkSize& size) {
  if (std::find(size.items.begin(), size.items.end(), size_t{0}) != size.items.end()) return Status::ok();
  cl_event event = nullptr;
  const size_t* group = size.group[0] == 0 ? nullptr : size.group.data();
  const cl_int error =
      api().enqueue_kernel(queue_, kernel, 3, nullptr, size.items.data(), group, 0, nullptr, &event);
  return took(error, event);
}

}  // namespace raceline
