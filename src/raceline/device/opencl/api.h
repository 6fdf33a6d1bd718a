// The functions of OpenCL 1.2 that are used, as a table: no program links the library. For device/ and
// kernels/opencl alone.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#define CL_TARGET_OPENCL_VERSION 120
#include <CL/cl.h>

#include "raceline/base/memory.h"

namespace raceline {

/// A value; tests put failures in the place of functions.
struct OpenClApi {
  decltype(&clGetPlatformIDs) get_platforms;
  decltype(&clGetPlatformInfo) get_platform_info;
  decltype(&clGetDeviceIDs) get_devices;
  decltype(&clGetDeviceInfo) get_device_info;
  decltype(&clCreateContext) create_context;
  decltype(&clReleaseContext) release_context;
  decltype(&clCreateCommandQueue) create_queue;
  decltype(&clReleaseCommandQueue) release_queue;
  decltype(&clCreateBuffer) create_buffer;
  decltype(&clReleaseMemObject) release_buffer;
  decltype(&clCreateProgramWithSource) create_program;
  decltype(&clBuildProgram) build_program;
  decltype(&clGetProgramBuildInfo) get_build_info;
  decltype(&clReleaseProgram) release_program;
  decltype(&clCreateKernel) create_kernel;
  decltype(&clReleaseKernel) release_kernel;
  decltype(&clSetKernelArg) set_argument;
  decltype(&clEnqueueNDRangeKernel) enqueue_kernel;
  decltype(&clEnqueueWriteBuffer) enqueue_write;
  decltype(&clEnqueueReadBuffer) enqueue_read;
  decltype(&clEnqueueCopyBuffer) enqueue_copy;
  decltype(&clEnqueueMapBuffer) enqueue_map;
  decltype(&clEnqueueUnmapMemObject) enqueue_unmap;
  decltype(&clEnqueueMarkerWithWaitList) enqueue_marker;
  decltype(&clFinish) finish;
  decltype(&clGetEventInfo) get_event_info;
  decltype(&clGetEventProfilingInfo) get_event_times;
  decltype(&clRetainEvent) retain_event;
  decltype(&clReleaseEvent) release_event;
};

/// Opens libOpenCL.so.1; it stays open. Nothing, and why, where it is absent or lacks a function.
std::optional<OpenClApi> load_opencl(std::string& why);

/// The buffer behind memory of an OpenCL device.
inline cl_mem buffer_of(Memory memory) {
  return static_cast<cl_mem>(memory.handle);
}

inline bool is_host(DeviceId device) {
  return device.kind == DeviceKind::cpu;
}

/// "out of memory on the device" and the like, in static memory.
std::string_view opencl_message(cl_int error);
/// Throws IoError naming the call and what it said.
void want_success(cl_int error, std::string_view call);

}  // namespace raceline
