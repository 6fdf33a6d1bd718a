// Answers that many primitives give alike.
#pragma once
#include <vector>

#include <fmt/format.h>

#include "raceline/primitive/primitive.h"

namespace raceline {

/// All operands that are present, and all outputs, are f32.
inline Support needs_f32(const LayerDesc& layer) {
  for (const OperandDesc& operand : layer.inputs) {
    if (operand.present && operand.desc.type != DataType::f32) {
      return Support::no(fmt::format("f32 only, an operand is {}", to_string(operand.desc.type)));
    }
  }
  for (const TensorDesc& output : layer.outputs) {
    if (output.type != DataType::f32)
      return Support::no(fmt::format("f32 only, the output is {}", to_string(output.type)));
  }
  return Support::yes();
}

/// The layout for operands and outputs of rank 4; row-major for the others (a bias, a table).
inline LayerLayouts layouts_of_rank_4(const LayerDesc& layer, Layout input, Layout output) {
  LayerLayouts layouts;
  for (const OperandDesc& operand : layer.inputs) {
    layouts.inputs.push_back(operand.desc.shape.rank() == 4 ? input : Layout::nchw);
  }
  for (const TensorDesc& desc : layer.outputs)
    layouts.outputs.push_back(desc.shape.rank() == 4 ? output : Layout::nchw);
  return layouts;
}

}  // namespace raceline
