#include "raceline/device/opencl/opencl_queue.h"

#include <algorithm>
#include <cstring>

namespace raceline {

OpenClQueue::OpenClQueue(const OpenClDevice& device) : device_(device) {
  cl_int error = CL_SUCCESS;
  queue_ = api().create_queue(device.context(), device.handle(), CL_QUEUE_PROFILING_ENABLE, &error);
  want_success(error, "clCreateCommandQueue");
}

OpenClQueue::~OpenClQueue() {
  api().finish(queue_);
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
  set_last(event);
  return Status::ok();
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

uint64_t OpenClQueue::end_ns(Event event) const {
  if (event.id >= recorded_ || recorded_ - event.id > most_events) return 0;
  cl_ulong time = 0;
  const cl_event handle = events_[event.id % most_events];
  if (handle == nullptr ||
      api().get_event_times(handle, CL_PROFILING_COMMAND_END, sizeof time, &time, nullptr) != CL_SUCCESS) {
    return 0;
  }
  return time;
}

double OpenClQueue::elapsed_us(Event from, Event to) const {
  const uint64_t begin = end_ns(from), end = end_ns(to);
  return begin == 0 || end <= begin ? 0 : static_cast<double>(end - begin) * 1e-3;
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
