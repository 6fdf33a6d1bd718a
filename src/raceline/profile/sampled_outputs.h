// Single outputs of large layers by their definition, in fp64: a sample of them checks what would take
// seconds.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "raceline/primitive/registry.h"

namespace raceline {

/// Whether sampled_outputs() knows the layer: a conv2d, conv2d_max_pool or gemm whose operands are all f32.
bool can_be_sampled(const LayerDesc& layer);

/// Positions to check: all corners, and up to `count` at random of which half have each coordinate at a
/// border, a block's tail (a multiple of 16, less one) or anywhere. Row-major indices, ascending, each once.
std::vector<int64_t> sample_positions(const Shape& shape, int64_t count, uint64_t seed);

/// The first output at these positions, epilogue included. The registry's reference computes the epilogue's
/// functions, so that no function is written a second time. Throws UnsupportedError where it cannot.
std::vector<double> sampled_outputs(const PrimitiveRegistry& registry, Device& device, const LayerDesc& layer,
                                    std::span<const Tensor> operands, std::span<const int64_t> positions);

}  // namespace raceline
