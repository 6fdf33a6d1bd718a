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

/// The layer has one output and no epilogue: what primitives without a fused form say.
inline Support needs_plain(const LayerDesc& layer) {
  if (layer.outputs.size() != 1) return Support::no("only the first output is computed");
  if (!layer.epilogue.empty()) return Support::no("takes no epilogue");
  return Support::yes();
}

/// The first output can have the layout.
inline Support needs_layout(const LayerDesc& layer, Layout layout) {
  if (exists_for(layout, layer.outputs[0].shape)) return Support::yes();
  return Support::no(fmt::format("{} needs rank 4, the output has rank {}", to_string(layout),
                                 layer.outputs[0].shape.rank()));
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
