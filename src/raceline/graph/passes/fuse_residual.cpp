// Offers each convolution and matrix product together with the residual add behind it, and with the
// activation behind that.
#include "raceline/graph/passes/fusion.h"
#include "raceline/graph/passes/pass_tools.h"
#include "raceline/graph/passes/passes.h"

namespace raceline {
namespace {

/// The add that alone uses the value and gives it a residual, or absent. The value has no other use, so the
/// residual cannot depend on it; add(x, x) uses it twice.
NodeId residual_add_of(const Graph& graph, ValueId value) {
  const NodeId next = only_consumer(graph, value);
  if (next == absent || graph.node(next).op != OpKind::binary) return absent;
  const Node& node = graph.node(next);
  if (std::get<BinaryParams>(node.params).kind != BinaryKind::add) return absent;
  const ValueId other = node.inputs[0] == value ? node.inputs[1] : node.inputs[0];
  return !graph.is_constant(other) && graph.desc(other) == graph.desc(value) ? next : absent;
}

}  // namespace

Graph fuse_residual(Graph graph, const Evaluator&) {
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (!is_anchor(graph, graph.node(id))) continue;
    const NodeId add = residual_add_of(graph, graph.node(id).outputs[0]);
    if (add == absent) continue;
    graph.add_fusion({{id, add}});
    const NodeId activation = activation_of(graph, graph.node(add).outputs[0]);
    if (activation != absent) graph.add_fusion({{id, add, activation}});
  }
  return graph;
}

}  // namespace raceline
