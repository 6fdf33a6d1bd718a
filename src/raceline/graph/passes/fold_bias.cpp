// Folds the addition of a constant per output channel into the bias of the layer before it.
#include "raceline/graph/passes/pass_tools.h"
#include "raceline/graph/passes/passes.h"

namespace raceline {
namespace {

/// What an add gives each channel of `value`, when its other operand is a constant that differs between
/// channels only.
std::optional<std::vector<double>> added_to(const Graph& graph, const Node& node, ValueId value) {
  if (node.op != OpKind::binary || std::get<BinaryParams>(node.params).kind != BinaryKind::add)
    return std::nullopt;
  if (graph.desc(node.outputs[0]) != graph.desc(value)) return std::nullopt;
  const ValueId other = node.inputs[0] == value ? node.inputs[1] : node.inputs[0];
  return per_channel(graph, other, graph.desc(value).shape);
}

/// Adds up the adds that follow `id` one after the other; gives the last one's output, or absent.
ValueId follow(const Graph& graph, NodeId id, std::vector<double>& bias, std::vector<bool>& folded) {
  ValueId value = graph.node(id).outputs[0];
  for (;;) {
    const NodeId next = only_consumer(graph, value);
    const auto added = next == absent ? std::nullopt : added_to(graph, graph.node(next), value);
    if (!added) return value == graph.node(id).outputs[0] ? absent : value;
    for (size_t channel = 0; channel < bias.size(); ++channel) bias[channel] += (*added)[channel];
    folded[static_cast<size_t>(next)] = true;
    value = graph.node(next).outputs[0];
  }
}

}  // namespace

Graph fold_bias(Graph graph, const Evaluator&) {
  Rewriter rewriter(std::move(graph));
  const Graph& source = rewriter.source();
  std::vector<bool> folded(source.nodes().size());
  for (NodeId id = 0; id < static_cast<NodeId>(source.nodes().size()); ++id) {
    if (folded[static_cast<size_t>(id)]) continue;
    const Node& node = source.node(id);
    auto bias = has_channels(node) ? bias_of(source, node) : std::nullopt;
    const ValueId result = bias ? follow(source, id, *bias, folded) : absent;
    if (result == absent) {
      rewriter.copy(id);
    } else {
      replace_channels_node(rewriter, id, rewriter.map(node.inputs[1]), *bias, result);
    }
  }
  return rewriter.finish();
}

}  // namespace raceline
