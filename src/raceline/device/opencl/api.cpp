#include "raceline/device/opencl/api.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr const char* library_file = "libOpenCL.so.1";

struct Message {
  cl_int code;
  std::string_view text;
};

constexpr Message messages[] = {
    {CL_DEVICE_NOT_FOUND, "OpenCL: no device"},
    {CL_DEVICE_NOT_AVAILABLE, "OpenCL: the device is lost or taken"},
    {CL_COMPILER_NOT_AVAILABLE, "OpenCL: the device has no compiler"},
    {CL_MEM_OBJECT_ALLOCATION_FAILURE, "OpenCL: out of memory on the device"},
    {CL_OUT_OF_RESOURCES, "OpenCL: out of resources, or a kernel failed on the device"},
    {CL_OUT_OF_HOST_MEMORY, "OpenCL: out of memory on the host"},
    {CL_BUILD_PROGRAM_FAILURE, "OpenCL: a kernel does not build"},
    {CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST, "OpenCL: an earlier command failed"},
    {CL_INVALID_BUFFER_SIZE, "OpenCL: a buffer larger than the device allows"},
    {CL_INVALID_COMMAND_QUEUE, "OpenCL: the queue is lost"},
    {CL_INVALID_CONTEXT, "OpenCL: the context is lost"},
    {CL_INVALID_KERNEL_ARGS, "OpenCL: an argument of a kernel is not set"},
    {CL_INVALID_MEM_OBJECT, "OpenCL: no memory of the device"},
    {CL_INVALID_WORK_GROUP_SIZE, "OpenCL: a work-group larger than the device allows"},
    {CL_INVALID_WORK_ITEM_SIZE, "OpenCL: a work-group larger than the device allows"},
    {CL_INVALID_VALUE, "OpenCL: an invalid value"},
};

}  // namespace

std::optional<OpenClApi> load_opencl(std::string& why) {
  void* const library = ::dlopen(library_file, RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    why = fmt::format("{} is not here; Debian's package is ocl-icd-libopencl1", library_file);
    return std::nullopt;
  }
  OpenClApi api{};
  const char* missing = nullptr;
  const auto look_up = [&]<class Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(library, name));
    if (function == nullptr) missing = name;
  };
  look_up("clGetPlatformIDs", api.get_platforms);
  look_up("clGetPlatformInfo", api.get_platform_info);
  look_up("clGetDeviceIDs", api.get_devices);
  look_up("clGetDeviceInfo", api.get_device_info);
  look_up("clCreateContext", api.create_context);
  look_up("clReleaseContext", api.release_context);
  look_up("clCreateCommandQueue", api.create_queue);
  look_up("clReleaseCommandQueue", api.release_queue);
  look_up("clCreateBuffer", api.create_buffer);
  look_up("clReleaseMemObject", api.release_buffer);
  look_up("clCreateProgramWithSource", api.create_program);
  look_up("clBuildProgram", api.build_program);
  look_up("clGetProgramBuildInfo", api.get_build_info);
  look_up("clReleaseProgram", api.release_program);
  look_up("clCreateKernel", api.create_kernel);
  look_up("clReleaseKernel", api.release_kernel);
  look_up("clSetKernelArg", api.set_argument);
  look_up("clEnqueueNDRangeKernel", api.enqueue_kernel);
  look_up("clEnqueueWriteBuffer", api.enqueue_write);
  look_up("clEnqueueReadBuffer", api.enqueue_read);
  look_up("clEnqueueCopyBuffer", api.enqueue_copy);
  look_up("clEnqueueMapBuffer", api.enqueue_map);
  look_up("clEnqueueUnmapMemObject", api.enqueue_unmap);
  look_up("clEnqueueMarkerWithWaitList", api.enqueue_marker);
  look_up("clFinish", api.finish);
  look_up("clGetEventInfo", api.get_event_info);
  look_up("clGetEventProfilingInfo", api.get_event_times);
  look_up("clRetainEvent", api.retain_event);
  look_up("clReleaseEvent", api.release_event);
  if (missing != nullptr) {
    why = fmt::format("{} has no {}; OpenCL 1.2 is wanted", library_file, missing);
    return std::nullopt;
  }
  return api;
}

std::string_view opencl_message(cl_int error) {
  for (const Message& message : messages) {
    if (message.code == error) return message.text;
  }
  return "OpenCL: a call failed";
}

void want_success(cl_int error, std::string_view call) {
  if (error == CL_SUCCESS) return;
  throw DeviceError(fmt::format("{} ({}, error {})", opencl_message(error), call, error));
}

}  // namespace raceline
