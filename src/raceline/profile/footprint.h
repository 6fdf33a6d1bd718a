// The memory that a primitive needs for a layer, learned by preparing it: nothing else knows what it packs.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

struct Footprint {
  int64_t weights_bytes = 0;    ///< packed constants, and those that the kernel goes on reading
  int64_t workspace_bytes = 0;  ///< scratch memory of a run
  int64_t packed_bytes = 0;     ///< of weights_bytes, those that the kernel packed
  std::vector<bool> reads;      ///< by operand: a constant that the kernel goes on reading
};

/// Prepares the primitive for the layer, measures, and lets go of the kernel. constants: nchw, one an
/// operand, empty where not constant. Throws what Primitive::prepare throws.
Footprint footprint(const Primitive& primitive, const LayerDesc& layer, std::span<const TensorView> constants,
                    Device& device, int threads);

}  // namespace raceline
