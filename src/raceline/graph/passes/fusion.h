// What the three fusion passes share: which nodes begin a fusion, and which functions end one. Private to the
// folder.
#pragma once
#include "raceline/graph/graph.h"

namespace raceline {

/// Whether fusions may begin at the node: a conv2d or gemm with constant weights and a float result.
bool is_anchor(const Graph& graph, const Node& node);
/// The activation that alone uses the value, or absent.
NodeId activation_of(const Graph& graph, ValueId value);

}  // namespace raceline
