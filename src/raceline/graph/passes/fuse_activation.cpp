// Offers each convolution and matrix product together with the activation behind it.
#include "raceline/graph/passes/fusion.h"
#include "raceline/graph/passes/passes.h"

namespace raceline {

Graph fuse_activation(Graph graph, const Evaluator&) {
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (!is_anchor(graph, graph.node(id))) continue;
    const NodeId activation = activation_of(graph, graph.node(id).outputs[0]);
    if (activation != absent) graph.add_fusion({{id, activation}});
  }
  return graph;
}

}  // namespace raceline
