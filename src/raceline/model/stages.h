// Stages of a model: what can be one static graph, and what must wait for values that only a run gives.
#pragma once
#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "raceline/graph/graph.h"

namespace raceline {

/// What a stage after the first begins with. Names are those of the model.
struct StageInputs {
  std::map<std::string, TensorView> values;  ///< as large as they really are
  std::set<std::string> by_value;            ///< those that become constants; the others are inputs
  std::set<std::string> outputs;             ///< of the model, still to be made
  size_t deferred = 0;                       ///< Stage::deferred of the stage before
};

/// A part of a model that is a static graph. A node that needs the value of a tensor which only a run gives,
/// or that consumes a tensor whose size depends on data, is deferred, and so is what depends on it: they
/// belong to the next stage, for which these values are there.
struct Stage {
  /// Its inputs and outputs bear the model's names. Outputs are those of the model that this stage makes,
  /// then what later stages need, then the extents of both. No outputs: there is nothing to run.
  Graph graph;
  std::set<std::string> carried;   ///< what the next stage needs: outputs or inputs of `graph`, or `known`
  std::set<std::string> by_value;  ///< all names found so far that are needed by value
  std::map<std::string, Tensor> known;  ///< carried values that need no run
  std::set<std::string> left;           ///< outputs of the model that later stages make
  size_t deferred = 0;                  ///< nodes that later stages do
  std::vector<std::string> waiting;     ///< a line for each node that others wait for, saying what it needs

  bool is_last() const { return left.empty(); }
};

}  // namespace raceline
