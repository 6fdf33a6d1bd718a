// CLBlast, the vendor's library of accelerators without one: found when a program starts, as each BLAS is.
// Private to kernels/opencl.
#pragma once
#include <cstddef>
#include <optional>
#include <string>

#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {

/// The functions of CLBlast's C interface that are used. Offsets and strides in elements; enumerations are
/// CBLAS's. Each compiles kernels when it is first called, which takes a driver seconds.
struct ClblastLibrary {
  static constexpr int row_major = 101, as_stored = 111, transposed = 112, cross_correlation = 151;

  int (*sgemm)(int layout, int a_transposed, int b_transposed, size_t m, size_t n, size_t k, float alpha,
               cl_mem a, size_t a_offset, size_t a_stride, cl_mem b, size_t b_offset, size_t b_stride,
               float beta, cl_mem c, size_t c_offset, size_t c_stride, cl_command_queue* queue,
               cl_event* event) = nullptr;
  int (*sgemv)(int layout, int a_transposed, size_t m, size_t n, float alpha, cl_mem a, size_t a_offset,
               size_t a_stride, cl_mem x, size_t x_offset, size_t x_step, float beta, cl_mem y,
               size_t y_offset, size_t y_step, cl_command_queue* queue, cl_event* event) = nullptr;
  int (*sconvgemm)(int mode, size_t channels, size_t height, size_t width, size_t kernel_h, size_t kernel_w,
                   size_t pad_h, size_t pad_w, size_t stride_h, size_t stride_w, size_t dilation_h,
                   size_t dilation_w, size_t filters, size_t batch, cl_mem image, size_t image_offset,
                   cl_mem kernel, size_t kernel_offset, cl_mem result, size_t result_offset,
                   cl_command_queue* queue, cl_event* event) = nullptr;

  std::string version;

  /// Opens libclblast.so.1, which stays open. Nothing, and why, where it is absent or lacks a function.
  static std::optional<ClblastLibrary> load(std::string& why);
};

/// Coordinates of a primitive that calls it.
PrimitiveInfo clblast_info(const ClblastLibrary& library, OpKind op, std::string algorithm);
/// What a call said, on this queue.
Status clblast_status(OpenClQueue& queue, int error, cl_event event);
/// Of floats.
size_t offset_of(Memory memory);

}  // namespace raceline
