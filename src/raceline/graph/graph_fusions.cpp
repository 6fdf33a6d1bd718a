// Fusions: which nodes one layer can compute, and the layer that they make.
#include <algorithm>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/graph.h"

namespace raceline {
namespace {

/// Functions that never fall: the largest of their results is the result of the largest number.
bool is_monotonic(const UnaryParams& unary) {
  switch (unary.kind) {
    case UnaryKind::relu:
    case UnaryKind::clip:
    case UnaryKind::sigmoid:
    case UnaryKind::tanh:
    case UnaryKind::softplus:
    case UnaryKind::softsign:
      return true;
    case UnaryKind::leaky_relu:
    case UnaryKind::hard_sigmoid:
    case UnaryKind::elu:
      return unary.alpha >= 0;
    case UnaryKind::selu:
      return unary.alpha >= 0 && unary.beta >= 0;
    default:
      return false;
  }
}

/// Whether a max_pool is that of conv2d_max_pool: its windows do not overlap.
bool pools_apart(const Graph& graph, const Node& node) {
  const auto& p = std::get<PoolParams>(node.params);
  const Shape& x = graph.desc(node.inputs[0]).shape;
  const Shape& y = graph.desc(node.outputs[0]).shape;
  if (x.rank() != 4 || node.outputs.size() != 1 || p.stride != p.kernel) return false;
  const auto is = [](const std::vector<int64_t>& values, int64_t wanted) {
    return std::ranges::all_of(values, [&](int64_t value) { return value == wanted; });
  };
  if (!is(p.pads_begin, 0) || !is(p.pads_end, 0) || !is(p.dilation, 1)) return false;
  return y[2] == x[2] / p.kernel[0] && y[3] == x[3] / p.kernel[1];
}

}  // namespace

void Graph::add_fusion(Fusion fusion) {
  layer(fusion);  // throws where the nodes do not make one layer
  fusions_.push_back(std::move(fusion));
}

LayerDesc Graph::layer(std::span<const NodeId> nodes) const {
  return nodes.size() == 1 ? layer(nodes.front()) : layer(Fusion{{nodes.begin(), nodes.end()}});
}

std::vector<ValueId> Graph::operands(std::span<const NodeId> nodes) const {
  return nodes.size() == 1 ? node(nodes.front()).inputs : operands(Fusion{{nodes.begin(), nodes.end()}});
}

LayerDesc Graph::layer(const Fusion& fusion) const {
  const std::vector<ValueId> operands = this->operands(fusion);
  LayerDesc layer = this->layer(fusion.nodes.front());
  for (size_t index = 1; index < fusion.nodes.size(); ++index) {
    const Node& node = this->node(fusion.nodes[index]);
    if (node.op == OpKind::max_pool) {
      layer.op = OpKind::conv2d_max_pool;
      layer.params = ConvMaxPoolParams{layer.as<ConvParams>(), std::get<PoolParams>(node.params).kernel};
      layer.outputs = {desc(node.outputs[0])};
    } else if (node.op == OpKind::binary) {
      layer.epilogue.push_back({EpilogueStep::Kind::add, {}});
    } else {
      layer.epilogue.push_back({EpilogueStep::Kind::unary, std::get<UnaryParams>(node.params)});
    }
  }
  if (operands.size() > layer.inputs.size()) layer.inputs.push_back({.desc = desc(operands.back())});
  return layer;
}

std::vector<ValueId> Graph::operands(const Fusion& fusion) const {
  const auto fail = [&](std::string_view why) {
    std::vector<std::string> names;
    for (const NodeId id : fusion.nodes) {
      names.push_back(id >= 0 && static_cast<size_t>(id) < nodes_.size() ? node(id).name
                                                                         : fmt::format("{}", id));
    }
    throw GraphError(fmt::format("fusion of {}: {}", join(names, "+"), why));
  };
  if (fusion.nodes.size() < 2) fail("it has fewer than two nodes");
  for (const NodeId id : fusion.nodes) {
    if (id < 0 || static_cast<size_t>(id) >= nodes_.size()) fail("a node does not exist");
  }
  const Node& anchor = node(fusion.nodes.front());
  if (anchor.outputs.size() != 1) fail("its first node has several outputs");
  std::vector<ValueId> operands = anchor.inputs;
  ValueId current = anchor.outputs[0];
  bool residual = false, pooled = false, monotonic = anchor.op == OpKind::conv2d;
  for (size_t index = 1; index < fusion.nodes.size(); ++index) {
    const Node& node = this->node(fusion.nodes[index]);
    if (consumers(current).size() != 1 || is_output(current)) fail("an inner value has another use");
    if (consumers(current)[0] != fusion.nodes[index]) fail("its nodes do not follow each other");
    if (node.op == OpKind::binary && std::get<BinaryParams>(node.params).kind == BinaryKind::add &&
        !residual) {
      const ValueId other = node.inputs[0] == current ? node.inputs[1] : node.inputs[0];
      if (is_constant(other) || desc(other) != desc(current)) fail("the added operand is no residual");
      operands.push_back(other);
      residual = true;
      monotonic = false;
    } else if (node.op == OpKind::max_pool && !pooled) {
      if (!monotonic || !pools_apart(*this, node))
        fail("such a pooling is not computed with what is before it");
      pooled = true;
    } else if (node.op == OpKind::unary) {
      monotonic = monotonic && is_monotonic(std::get<UnaryParams>(node.params));
    } else {
      fail("a node is neither a unary function, nor the only residual add or max-pooling");
    }
    current = node.outputs[0];
  }
  return operands;
}

}  // namespace raceline
