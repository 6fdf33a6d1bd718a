// Offers each 2-D convolution together with the max-pooling behind it, if its windows do not overlap, and
// with the activation before or behind that.
#include "raceline/base/error.h"
#include "raceline/graph/passes/fusion.h"
#include "raceline/graph/passes/pass_tools.h"
#include "raceline/graph/passes/passes.h"

namespace raceline {
namespace {

/// Whether the nodes make one layer; then it is offered.
bool offer(Graph& graph, const std::vector<NodeId>& nodes) {
  try {
    graph.add_fusion({nodes});
    return true;
  } catch (const GraphError&) {
    return false;
  }
}

}  // namespace

Graph fuse_max_pool(Graph graph, const Evaluator&) {
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (graph.node(id).op != OpKind::conv2d || !is_anchor(graph, graph.node(id))) continue;
    std::vector<NodeId> nodes = {id};
    const NodeId before = activation_of(graph, graph.node(id).outputs[0]);
    if (before != absent) nodes.push_back(before);
    const NodeId pool = only_consumer(graph, graph.node(nodes.back()).outputs[0]);
    if (pool == absent || graph.node(pool).op != OpKind::max_pool) continue;
    nodes.push_back(pool);
    if (!offer(graph, nodes) || before != absent) continue;
    const NodeId behind = activation_of(graph, graph.node(pool).outputs[0]);
    if (behind == absent) continue;
    nodes.push_back(behind);
    offer(graph, nodes);
  }
  return graph;
}

}  // namespace raceline
