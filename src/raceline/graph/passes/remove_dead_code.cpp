// Drops what no output needs.
#include <algorithm>
#include <vector>

#include "raceline/graph/passes/passes.h"
#include "raceline/graph/rewrite.h"

namespace raceline {

Graph remove_dead_code(Graph graph, const Evaluator&) {
  // Backwards from the outputs; operands stand before their users. Constants follow: the rewriter moves those
  // that a copied node uses. Inputs stay: they are the network's interface.
  std::vector<bool> needed(graph.values().size());
  for (const Graph::Output& output : graph.outputs()) needed[static_cast<size_t>(output.value)] = true;
  std::vector<NodeId> alive;
  for (auto id = static_cast<NodeId>(graph.nodes().size()) - 1; id >= 0; --id) {
    const Node& node = graph.node(id);
    const bool used = std::any_of(node.outputs.begin(), node.outputs.end(),
                                  [&](ValueId output) { return needed[static_cast<size_t>(output)]; });
    if (!used) continue;
    alive.push_back(id);
    for (const ValueId input : node.inputs) {
      if (input != absent) needed[static_cast<size_t>(input)] = true;
    }
  }
  Rewriter rewriter(std::move(graph));
  for (auto id = alive.rbegin(); id != alive.rend(); ++id) rewriter.copy(*id);
  return rewriter.finish();
}

}  // namespace raceline
