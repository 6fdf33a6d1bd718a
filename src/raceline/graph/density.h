// How sparse the constant weights of a layer are: element by element, and in the blocks that kernels can use.
#pragma once
#include <optional>

#include "raceline/graph/graph.h"

namespace raceline {

/// Neighbouring outputs (filters of one group, columns of a product) of a block of weights, all of which meet
/// the same element of the input: a block fills a vector.
inline constexpr int64_t density_block = 16;

/// Where the weights of a product lie: output o of group g meets input i by element
/// g * group_step + o * output_step + i * input_step.
struct WeightGrid {
  int64_t groups = 1, outputs = 1, inputs = 1;
  int64_t group_step = 0, output_step = 0, input_step = 0;

  /// Of operand 1 of a layer; absent for ops other than conv2d, gemm and matmul.
  static std::optional<WeightGrid> of(OpKind op, const OpParams& params, const Shape& weights);
  int64_t elements() const { return groups * outputs * inputs; }
};

/// Density classes: see OperandDesc.
struct Density {
  uint8_t elements = 0, blocks = 0;
  friend bool operator==(const Density&, const Density&) = default;
};

/// The class of weights of which none is not zero.
inline constexpr uint8_t no_density = 40;

/// Measures f32 weights. Where a sample of them says that more than half are not zero, the rest is not
/// looked at and the answer is 0.
Density density_of(const WeightGrid& grid, const float* weights);

/// Gives the constant f32 weights of the graph's convolutions and products their classes. Weights that two
/// layers use in different ways have the class of the denser one.
void measure_densities(Graph& graph);

}  // namespace raceline
