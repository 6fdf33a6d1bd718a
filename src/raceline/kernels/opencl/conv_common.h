// What convolutions on the accelerator share. Private to kernels/opencl.
#pragma once
#include <algorithm>
#include <vector>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {

inline bool has_conv_bias(const LayerDesc& layer) {
  return layer.inputs.size() > (layer.has_residual() ? 3U : 2U) && layer.inputs[2].present;
}

/// Constant filters and bias, and an epilogue that kernels here know.
inline Support needs_device_conv2d(const LayerDesc& layer) {
  if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
  if (!layer.inputs[1].constant) return Support::no("filters that are not constant can't be packed");
  if (has_conv_bias(layer) && !layer.inputs[2].constant)
    return Support::no("a bias that is not constant can't be packed");
  return DeviceEpilogue::supports(layer);
}

/// The bias in the device's memory; an empty buffer where there is none.
inline Buffer upload_bias(const LayerDesc& layer, const PrepareArgs& args) {
  return has_conv_bias(layer) ? upload(opencl_device(args), floats_of(args.constants[2])) : Buffer();
}

/// The residual among a kernel's operands, or no memory.
inline Memory residual_of(const LayerDesc& layer, const KernelArgs& args) {
  return layer.has_residual() ? args.inputs[layer.residual()].memory : Memory{};
}

/// A step in an image, in bytes.
inline Memory at_element(Memory memory, int64_t elements) {
  return memory ? memory.at(static_cast<size_t>(elements) * sizeof(float)) : memory;
}

}  // namespace raceline
