// Values of a graph under construction that are known before any run. Private to this room.
#pragma once
#include <string_view>
#include <unordered_map>
#include <vector>

#include "raceline/graph/graph.h"

namespace raceline {

/// Constants, shapes, and whatever is computed from these alone. Computed when asked for, once.
class KnownValues {
 public:
  KnownValues(const Graph& graph, const Evaluator& evaluate) : graph_(graph), evaluate_(evaluate) {}

  bool known(ValueId value);
  /// The value; it must be known. Throws UnsupportedError when it is unreasonably large or cannot be
  /// evaluated.
  TensorView get(ValueId value);
  /// Counts memory that a node takes beyond what the file holds. Throws UnsupportedError when it is too much.
  void spend(size_t bytes, std::string_view node);

 private:
  // Shapes are a few numbers; real models take them from tables of some megabytes at most.
  static constexpr size_t most_bytes = size_t{1} << 28;
  static constexpr double most_work = 1e9;

  bool held(ValueId value) const { return graph_.is_constant(value) || computed_.contains(value); }
  TensorView held_view(ValueId value) const;
  void compute(NodeId node);

  const Graph& graph_;
  const Evaluator& evaluate_;
  std::vector<bool> known_;  ///< of the values seen so far
  std::unordered_map<ValueId, Tensor> computed_;
  size_t computed_bytes_ = 0;
  double work_ = 0;
};

}  // namespace raceline
