// A layer, or a pair of layers, as an ONNX model of its own, which every framework can be given: how layers
// are measured from outside.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "raceline/dataset/layer_pair.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {

/// Files of one layer or pair: the model, and a .npy file for each operand that is not constant.
struct LayerFiles {
  std::filesystem::path model;
  std::map<std::string, std::filesystem::path> inputs;  ///< by the name of the model's input
};

/// Why the layer cannot be said in ONNX opset 13 (a reorder, an epilogue's op that opset 13 lacks); empty
/// when it can.
std::string why_no_onnx(const LayerDesc& layer);

/// Writes the layer as one node, and one more for each step of its epilogue: the unoptimised layer, whatever
/// the framework makes of it. Elements are random_operands(). Throws UnsupportedError where why_no_onnx()
/// says so, IoError.
LayerFiles write_layer_model(const LayerDesc& layer, uint64_t seed, const std::filesystem::path& folder);

/// The same of two layers: the second takes the result of the first (and its operand, if it is_gate()), and
/// its other operands as it would alone.
LayerFiles write_pair_model(const LayerPair& pair, uint64_t seed, const std::filesystem::path& folder);

}  // namespace raceline
