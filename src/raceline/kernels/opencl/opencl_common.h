// What the primitives of this folder share: their device and queue, constants in its memory, and the epilogue
// as kernels know it. Private to kernels/opencl.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/device/opencl/opencl_queue.h"
#include "raceline/kernels/common/checks.h"
#include "raceline/primitive/registry.h"

namespace raceline {

/// Coordinates on the accelerator: nchw in and out.
PrimitiveInfo opencl_info(OpKind op, std::string algorithm, std::string implementation = "",
                          std::string library = "opencl");

/// The device of prepare() and the queue of run(): both are OpenCL's for primitives that say so.
OpenClDevice& opencl_device(const PrepareArgs& args);
OpenClQueue& opencl_queue(const KernelArgs& args);

/// f32 throughout, and a first operand that is no constant: constants come in host memory.
Support needs_f32_on_device(const LayerDesc& layer);

/// Numbers in the device's memory. Throws IoError when that is short or the copy fails.
Buffer upload(OpenClDevice& device, std::span<const float> numbers);
Buffer upload(OpenClDevice& device, std::span<const int32_t> numbers);
std::span<const float> floats_of(const TensorView& view);

/// Of pieces of work of so many operations, how many one work-item is to do: an item takes a core of a CPU
/// some hundred cycles, and a GPU wants as many as there are.
int64_t grain(const OpenClDevice& device, int64_t items, double operations_each);

/// What a layer does to its result, as far as kernels here can: nothing, or one function after one sum or
/// none. Told to them as four arguments.
struct DeviceEpilogue {
  cl_int adds = 0;      ///< the residual
  cl_int function = 0;  ///< 0 none, 1 into [low, high], 2 times low where negative
  float low = 0, high = 0;

  explicit DeviceEpilogue(const LayerDesc& layer);
  static Support supports(const LayerDesc& layer);
};

/// Begins the source of each program: `AT(x)` moves the pointer x by its offset x_at; `between(x, low, high)`
/// clips 16 numbers, `finish(x, r, ...)` is the epilogue of 16 results. NaN goes through, as through the
/// reference.
extern const std::string_view prelude;
/// The prelude and a program's own source.
std::string with_prelude(std::string_view source);

}  // namespace raceline
