#include "raceline/graph/density.h"

#include <algorithm>

#include "raceline/base/random.h"

namespace raceline {
namespace {

/// The largest k with count <= 2^-k * all.
uint8_t class_of(int64_t count, int64_t all) {
  uint8_t density = 0;
  while (density < no_density && count <= all >> (density + 1)) {
    // Shifting rounds down, so a count that fits the shifted number fits the exact share.
    ++density;
  }
  return density;
}

/// Whether a sample of the weights has more than half that are not zero, by so much that it is no chance. The
/// sample lies in few places: weights are a mapped file, of which each place read brings pages into memory.
bool looks_dense(const float* weights, int64_t count) {
  constexpr int64_t places = 12, samples = 64;
  if (count < 16 * places * samples) return false;
  Random random(static_cast<uint64_t>(count));
  int64_t found = 0;
  for (int64_t place = 0; place < places; ++place) {
    const float* first = weights + random.below(count - samples);
    found += std::count_if(first, first + samples, [](float weight) { return weight != 0; });
  }
  return found > places * samples * 5 / 8;
}

}  // namespace

std::optional<WeightGrid> WeightGrid::of(OpKind op, const OpParams& params, const Shape& weights) {
  switch (op) {
    case OpKind::conv2d:
    case OpKind::conv2d_max_pool: {
      const auto* pooled = std::get_if<ConvMaxPoolParams>(&params);
      const int64_t groups = pooled != nullptr ? pooled->conv.group : std::get<ConvParams>(params).group;
      const int64_t inputs = weights.elements(1, weights.rank()), outputs = weights[0] / groups;
      return WeightGrid{groups, outputs, inputs, outputs * inputs, inputs, 1};
    }
    case OpKind::gemm:
      if (std::get<GemmParams>(params).trans_b)
        return WeightGrid{1, weights[0], weights[1], 0, weights[1], 1};
      return WeightGrid{1, weights[1], weights[0], 0, 1, weights[1]};
    case OpKind::matmul: {
      if (weights.rank() < 2) return WeightGrid{1, 1, weights.elements(), 0, 0, 1};
      const int64_t inputs = weights[weights.rank() - 2], outputs = weights[weights.rank() - 1];
      return WeightGrid{
          weights.elements(0, weights.rank() - 2), outputs, inputs, inputs * outputs, 1, outputs};
    }
    default:
      return std::nullopt;
  }
}

Density density_of(const WeightGrid& grid, const float* weights) {
  const int64_t all = grid.elements();
  if (all == 0 || looks_dense(weights, all)) return {};
  int64_t present = 0, in_blocks = 0;
  // Inputs that one output of the block at hand meets with a weight that is not zero. Rows are walked the
  // way they lie, in parts that stay in the cache.
  constexpr int64_t part = 1024;
  bool met[part];
  for (int64_t group = 0; group < grid.groups; ++group) {
    for (int64_t output = 0; output < grid.outputs; output += density_block) {
      const int64_t width = std::min(density_block, grid.outputs - output);
      for (int64_t input = 0; input < grid.inputs; input += part) {
        const int64_t length = std::min(part, grid.inputs - input);
        const float* first =
            weights + group * grid.group_step + output * grid.output_step + input * grid.input_step;
        std::fill_n(met, length, false);
        for (int64_t o = 0; o < width; ++o) {
          for (int64_t i = 0; i < length; ++i) {
            const bool is_present = first[o * grid.output_step + i * grid.input_step] != 0;
            present += is_present ? 1 : 0;
            met[i] |= is_present;
          }
        }
        in_blocks += width * std::count(met, met + length, true);
      }
    }
  }
  return {class_of(present, all), class_of(in_blocks, all)};
}

void measure_densities(Graph& graph) {
  std::vector<bool> known(graph.values().size());
  for (const Node& node : graph.nodes()) {
    if (node.inputs.size() < 2 || !graph.is_constant(node.inputs[1])) continue;
    const ValueId id = node.inputs[1];
    if (graph.desc(id).type != DataType::f32) continue;
    const auto grid = WeightGrid::of(node.op, node.params, graph.desc(id).shape);
    if (!grid) continue;
    Density density = density_of(*grid, graph.constant(id).data<const float>());
    if (known[static_cast<size_t>(id)]) {
      density.elements = std::min(density.elements, graph.value(id).density);
      density.blocks = std::min(density.blocks, graph.value(id).block_density);
    }
    known[static_cast<size_t>(id)] = true;
    graph.set_density(id, density.elements, density.blocks);
  }
}

}  // namespace raceline
