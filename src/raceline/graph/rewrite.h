// Rewriting a graph: copy it node by node into a new one, replacing what is to change.
#pragma once
#include <vector>

#include "raceline/graph/graph.h"

namespace raceline {

/// Moves a graph into a new one. A pass walks source().nodes() in order and for each node either copies it,
/// or adds other nodes to target() and says what its outputs have become. Inputs are copied at once,
/// constants when first mapped (their data is moved, never duplicated), outputs by finish(). Fusions are
/// dropped: the fusion passes come last.
class Rewriter {
 public:
  explicit Rewriter(Graph source);

  const Graph& source() const { return source_; }
  Graph& target() { return target_; }
  /// The target's value for a source value; absent for absent. Asserts that the value has been copied,
  /// replaced, or is a constant.
  ValueId map(ValueId value);
  std::vector<ValueId> map(std::span<const ValueId> values);
  /// Copies a node as it is. Output values keep their names.
  NodeId copy(NodeId node);
  /// From here on `value` of the source is `replacement` of the target.
  void replace(ValueId value, ValueId replacement);
  /// Marks the outputs and gives the new graph.
  Graph finish();

 private:
  Graph source_;
  Graph target_;
  std::vector<ValueId> mapped_;
};

}  // namespace raceline
