// A layer as numbers: what the papers' features are made of, and ours.
#pragma once
#include <string>

#include "raceline/graph/layer_desc.h"

namespace raceline {

/// Extents, work and traffic of a layer. Ops without windows, channels or products have ones there, so that
/// every fact is defined for every layer. Spatial axes beyond two are folded into the height.
struct LayerFacts {
  std::string type;  ///< layer_type(): "conv", "dense", "max_pool", ...
  double batch = 1, channels_in = 1, channels_out = 1;
  double in_h = 1, in_w = 1, out_h = 1, out_w = 1;
  double kernel_h = 1, kernel_w = 1, stride_h = 1, stride_w = 1, dilation = 1, group = 1;
  double padding = 0;     ///< 1: padded ("same"), 0: not ("valid")
  double activation = 0;  ///< 0 none, 1 ReLU and what costs as little, 2 tanh, 3 sigmoid, 4 another
  double bias = 0, residual = 0;
  double operands = 1;         ///< that are no constants
  double inner_in = 1;         ///< the last extent of the first operand
  double inner_out = 1;        ///< of the result
  double m = 1, n = 1, k = 1;  ///< the product that the layer is: [m, k] times [k, n], for each group
  double flops = 0;
  double in_bytes = 0, out_bytes = 0, weight_bytes = 0;

  double bytes() const { return in_bytes + out_bytes + weight_bytes; }
};

LayerFacts facts_of(const LayerDesc& layer);

/// What a layer's features are those of: "conv" (convolutions), "pool", "dense" (matrix products), "other".
std::string_view family_of(std::string_view type);

}  // namespace raceline
