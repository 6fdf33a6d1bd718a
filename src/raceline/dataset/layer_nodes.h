// What stands in ONNX for a layer: a node for its op, and one more for each step of its epilogue. Private to
// this room.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "raceline/graph/layer_desc.h"
#include "raceline/model/onnx_writer.h"

namespace raceline {

/// A node of one output: what stands in the model for the layer, or for a step of its epilogue.
struct NodeText {
  std::string op;
  std::vector<OnnxAttribute> attributes;
  /// Operands that the op takes in ONNX and the layer has as parameters: 64-bit integers or floats.
  std::vector<std::vector<int64_t>> integers;
  std::vector<float> floats;
  bool skip_one = false;  ///< the second operand in ONNX is left out
  std::string why;        ///< not empty: it can't be said
};

/// The nodes of the layer, in their order.
std::vector<NodeText> nodes_of(const LayerDesc& layer);

}  // namespace raceline
