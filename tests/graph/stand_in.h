// A stand-in for the reference primitives, which this room cannot see: enough ops, by the plainest loops, to
// fold constants and to run a small graph before and after a pass.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/graph/graph.h"

namespace raceline::test {

/// conv2d, conv3d, conv_transpose, gemm, batch_norm, binary add and mul, unary relu, neg and clip, reshape,
/// transpose of rank 2, concat, shape-preserving movement; f32 and i64. UnsupportedError for the rest.
std::vector<Tensor> stand_in(const LayerDesc& layer, std::span<const TensorView> operands);

/// f32 numbers in [-1, 1), or from `least` up.
Tensor random_tensor(const Shape& shape, Random& random, double least = -1, double most = 1);

/// All outputs of the graph, by the stand-in, node after node.
std::vector<Tensor> run_graph(const Graph& graph, std::span<const TensorView> inputs);

/// Runs both on the same random inputs; the largest difference of any output over its largest element.
double largest_difference(const Graph& a, const Graph& b, uint64_t seed);

}  // namespace raceline::test
