#include "raceline/device/opencl/opencl_device.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/base/text.h"
#include "raceline/device/opencl/opencl_queue.h"

namespace raceline {
namespace {

constexpr size_t most_log = 600;  ///< characters of a compiler's words that are told

/// What a failed build says, from its beginning: the first error is there.
std::string build_log(const OpenClApi& api, cl_program program, cl_device_id device) {
  size_t size = 0;
  api.get_build_info(program, device, CL_PROGRAM_BUILD_LOG, 0, nullptr, &size);
  std::string log(size, '\0');
  if (size > 0) api.get_build_info(program, device, CL_PROGRAM_BUILD_LOG, size, log.data(), nullptr);
  log = std::string(trim(log.c_str()));
  if (log.size() > most_log) log = log.substr(0, most_log) + "...";
  return log.empty() ? "the compiler says nothing" : log;
}

/// Throws DeviceError for what has to do with the device and not with the kernel that is wanted.
void want_usable(cl_int error, std::string_view call) {
  for (const cl_int fatal : {CL_DEVICE_NOT_AVAILABLE, CL_MEM_OBJECT_ALLOCATION_FAILURE, CL_OUT_OF_RESOURCES,
                             CL_OUT_OF_HOST_MEMORY}) {
    if (error == fatal) want_success(error, call);
  }
}

}  // namespace

OpenClDevice::OpenClDevice(const OpenClApi& api, cl_device_id device, OpenClInfo info)
    : api_(api), device_(device), info_(std::move(info)) {
  cl_int error = CL_SUCCESS;
  context_ = api_.create_context(nullptr, 1, &device_, nullptr, nullptr, &error);
  want_success(error, "clCreateContext");
}

OpenClDevice::~OpenClDevice() {
  for (const auto& [key, program] : programs_) api_.release_program(program);
  api_.release_context(context_);
}

std::string OpenClDevice::fingerprint() const {
  return hex(hash_text(fmt::format("opencl|{}|{}|{}|{}|{}|{}", info_.name, info_.vendor, info_.version,
                                   info_.driver, info_.platform, info_.compute_units)));
}

Memory OpenClDevice::allocate(size_t bytes) {
  constexpr size_t line = 64;
  const size_t rounded = std::max(line, (bytes + line - 1) / line * line);
  const auto refuse = [&](std::string_view why) {
    throw DeviceError(fmt::format("out of memory: {} bytes wanted on {}, {} ({} of {} are taken)", bytes,
                                  id().to_string(), why, allocated_bytes_.load(), info_.memory_bytes));
  };
  if (rounded > static_cast<size_t>(info_.largest_buffer_bytes))
    refuse(fmt::format("whose buffers have at most {}", info_.largest_buffer_bytes));
  if (rounded + allocated_bytes_ > static_cast<size_t>(info_.memory_bytes)) refuse("which has no more");
  cl_int error = CL_SUCCESS;
  const cl_mem memory = api_.create_buffer(context_, CL_MEM_READ_WRITE, rounded, nullptr, &error);
  if (error != CL_SUCCESS) refuse(opencl_message(error));
  const std::lock_guard lock(mutex_);
  sizes_[memory] = rounded;
  allocated_bytes_ += rounded;
  return {id(), memory, 0};
}

void OpenClDevice::release(Memory memory) noexcept {
  const auto handle = static_cast<cl_mem>(memory.handle);
  const std::lock_guard lock(mutex_);
  const auto size = sizes_.find(handle);
  if (size == sizes_.end()) return;
  allocated_bytes_ -= size->second;
  sizes_.erase(size);
  api_.release_buffer(handle);
}

std::unique_ptr<Queue> OpenClDevice::make_queue(int /*threads*/) {
  return std::make_unique<OpenClQueue>(*this);
}

cl_program OpenClDevice::build(std::string_view source, const std::string& options) {
  cl_int error = CL_SUCCESS;
  const char* text = source.data();
  const size_t length = source.size();
  const cl_program program = api_.create_program(context_, 1, &text, &length, &error);
  want_success(error, "clCreateProgramWithSource");
  error = api_.build_program(program, 1, &device_, options.c_str(), nullptr, nullptr);
  if (error == CL_SUCCESS) return program;
  const std::string log = build_log(api_, program, device_);
  api_.release_program(program);
  want_usable(error, "clBuildProgram");
  throw UnsupportedError(
      fmt::format("{} on {} with '{}': {}", opencl_message(error), info_.name, options, log));
}

OpenClKernel OpenClDevice::kernel(std::string_view source, const std::string& name,
                                  const std::string& options) {
  const std::lock_guard lock(mutex_);
  cl_program& program = programs_[{std::string(source), options}];
  if (program == nullptr) {
    try {
      program = build(source, options);
    } catch (const Error&) {
      programs_.erase({std::string(source), options});
      throw;
    }
  }
  cl_int error = CL_SUCCESS;
  const cl_kernel made = api_.create_kernel(program, name.c_str(), &error);
  if (error != CL_SUCCESS) {
    want_usable(error, "clCreateKernel");
    throw UnsupportedError(fmt::format("kernel '{}': {}", name, opencl_message(error)));
  }
  return {api_, made};
}

}  // namespace raceline
