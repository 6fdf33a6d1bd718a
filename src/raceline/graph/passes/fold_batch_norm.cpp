// Folds batch normalisation at inference into the layer before it. With s = scale / sqrt(variance + epsilon)
// and t = bias - mean * s, batch_norm(W x + b) = (s W) x + (s b + t), channel by channel. Computed in double.
#include <cmath>

#include <fmt/format.h>

#include "raceline/graph/passes/pass_tools.h"
#include "raceline/graph/passes/passes.h"

namespace raceline {
namespace {

/// What a chain of batch normalisations does to each channel: y = scale * x + shift.
struct Affine {
  std::vector<double> scale, shift;
};

/// Follows the map by a batch_norm. False, and nothing changed, when its statistics are unknown or give
/// numbers that are not finite, which only the real op may answer for.
bool append(const Graph& graph, const Node& node, Affine& map) {
  for (size_t index = 1; index <= 4; ++index) {
    if (!graph.is_constant(node.inputs[index]) || !is_real(graph.desc(node.inputs[index]).type)) return false;
  }
  const std::vector<double> scale = numbers(graph.constant(node.inputs[1]));
  const std::vector<double> bias = numbers(graph.constant(node.inputs[2]));
  const std::vector<double> mean = numbers(graph.constant(node.inputs[3]));
  const std::vector<double> variance = numbers(graph.constant(node.inputs[4]));
  const auto epsilon = static_cast<double>(std::get<BatchNormParams>(node.params).epsilon);
  Affine next = map;
  for (size_t channel = 0; channel < scale.size(); ++channel) {
    const double factor = scale[channel] / std::sqrt(variance[channel] + epsilon);
    next.scale[channel] *= factor;
    next.shift[channel] = next.shift[channel] * factor + bias[channel] - mean[channel] * factor;
    if (!std::isfinite(next.scale[channel]) || !std::isfinite(next.shift[channel])) return false;
  }
  map = std::move(next);
  return true;
}

/// How the elements of the weights belong to output channels: [outer][channels][inner], where `block` outer
/// rows make a group and each group has channels of its own.
struct ChannelAxis {
  int64_t outer = 1, channels = 1, inner = 1, block = 1;
};

ChannelAxis channel_axis(const Node& node, const Shape& weights) {
  if (node.op == OpKind::gemm) {
    if (std::get<GemmParams>(node.params).trans_b) return {1, weights[0], weights[1], 1};
    return {weights[0], weights[1], 1, weights[0]};
  }
  if (node.op == OpKind::conv_transpose) {
    const int64_t group = std::get<ConvTransposeParams>(node.params).group;
    return {weights[0], weights[1], weights.elements(2, weights.rank()), weights[0] / group};
  }
  return {1, weights[0], weights.elements(1, weights.rank()), 1};
}

template <class T>
void multiply(const T* weights, T* scaled, const ChannelAxis& axis, const std::vector<double>& scale) {
  for (int64_t outer = 0; outer < axis.outer; ++outer) {
    const double* factors = scale.data() + outer / axis.block * axis.channels;
    for (int64_t channel = 0; channel < axis.channels; ++channel) {
      const int64_t first = (outer * axis.channels + channel) * axis.inner;
      for (int64_t index = first; index < first + axis.inner; ++index) {
        scaled[index] = static_cast<T>(static_cast<double>(weights[index]) * factors[channel]);
      }
    }
  }
}

Tensor scaled_weights(const TensorView& weights, const Node& node, const std::vector<double>& scale) {
  Tensor scaled({weights.desc.type, weights.desc.shape});
  const ChannelAxis axis = channel_axis(node, weights.desc.shape);
  if (weights.desc.type == DataType::f64) {
    multiply(weights.data<const double>(), scaled.data<double>(), axis, scale);
  } else {
    multiply(weights.data<const float>(), scaled.data<float>(), axis, scale);
  }
  return scaled;
}

/// The batch_norm nodes that follow `id` one after the other and can be folded into it, and their map.
std::vector<NodeId> foldable_chain(const Graph& graph, NodeId id, Affine& map) {
  const Node& node = graph.node(id);
  std::vector<NodeId> chain;
  if (!has_channels(node) || !graph.is_constant(node.inputs[1]) ||
      !is_real(graph.desc(node.inputs[1]).type)) {
    return chain;
  }
  if (!bias_of(graph, node)) return chain;
  const auto channels = static_cast<size_t>(output_channels(graph, node));
  map = {std::vector<double>(channels, 1), std::vector<double>(channels, 0)};
  ValueId value = node.outputs[0];
  for (;;) {
    const NodeId next = only_consumer(graph, value);
    if (next == absent || graph.node(next).op != OpKind::batch_norm || graph.node(next).inputs[0] != value)
      break;
    if (!append(graph, graph.node(next), map)) break;
    chain.push_back(next);
    value = graph.node(next).outputs[0];
  }
  return chain;
}

}  // namespace

Graph fold_batch_norm(Graph graph, const Evaluator&) {
  Rewriter rewriter(std::move(graph));
  const Graph& source = rewriter.source();
  std::vector<bool> folded(source.nodes().size());
  for (NodeId id = 0; id < static_cast<NodeId>(source.nodes().size()); ++id) {
    if (folded[static_cast<size_t>(id)]) continue;
    Affine map;
    const std::vector<NodeId> chain = foldable_chain(source, id, map);
    if (chain.empty()) {
      rewriter.copy(id);
      continue;
    }
    const Node& node = source.node(id);
    std::vector<double> bias = bias_of(source, node).value();
    for (size_t channel = 0; channel < bias.size(); ++channel) {
      bias[channel] = bias[channel] * map.scale[channel] + map.shift[channel];
    }
    // The old weights may serve another layer, so these are a constant of their own.
    const ValueId weights =
        rewriter.target().add_constant(fresh_name(rewriter, fmt::format("{}.weights", node.name)),
                                       scaled_weights(source.constant(node.inputs[1]), node, map.scale));
    replace_channels_node(rewriter, id, weights, bias, source.node(chain.back()).outputs[0]);
    for (const NodeId done : chain) folded[static_cast<size_t>(done)] = true;
  }
  return rewriter.finish();
}

}  // namespace raceline
