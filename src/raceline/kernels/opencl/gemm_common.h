// What dense layers on the accelerator share. Private to kernels/opencl.
#pragma once
#include <vector>

#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {

inline bool has_gemm_c(const LayerDesc& layer) {
  const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
  return operands > 2 && layer.inputs[2].present && layer.as<GemmParams>().beta != 0;
}

/// Constant weights, an A that is not transposed, C absent or a constant vector, and an epilogue that kernels
/// here know.
inline Support needs_device_gemm(const LayerDesc& layer) {
  if (const Support typed = needs_f32_on_device(layer); !typed) return typed;
  if (!layer.inputs[1].constant) return Support::no("weights that are not constant can't be packed");
  if (layer.as<GemmParams>().trans_a) return Support::no("A is transposed");
  if (has_gemm_c(layer)) {
    const Shape& c = layer.inputs[2].desc.shape;
    if (!layer.inputs[2].constant) return Support::no("C is not constant");
    if (c.rank() == 2 && c[0] != 1) return Support::no("C is a matrix");
  }
  return DeviceEpilogue::supports(layer);
}

/// beta C, one number for each column, in the device's memory; an empty buffer where there is none.
inline Buffer upload_gemm_bias(const LayerDesc& layer, const PrepareArgs& args) {
  if (!has_gemm_c(layer)) return {};
  const float beta = layer.as<GemmParams>().beta;
  const std::span<const float> c = floats_of(args.constants[2]);
  std::vector<float> bias;
  for (size_t column = 0; column < static_cast<size_t>(layer.outputs[0].shape[1]); ++column)
    bias.push_back(beta * c[c.size() == 1 ? 0 : column]);
  return upload(opencl_device(args), bias);
}

}  // namespace raceline
