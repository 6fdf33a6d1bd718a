// From a graph and its costs to a selection problem, and from an answer back to a plan.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"
#include "raceline/profile/candidates.h"
#include "raceline/profile/cost_table.h"
#include "raceline/runtime/plan.h"
#include "raceline/search/strategy.h"

namespace raceline {

/// The place of a node or fusion, as CostTable::find_at() wants it: the nodes' names joined by '+'.
std::string place_of(const Graph& graph, std::span<const NodeId> covers);
/// The place of a value's conversions: "convert " and its name.
std::string place_of(const Graph& graph, ValueId value);

/// What a choice of the problem stands for in the graph.
struct ChoiceMeaning {
  const Primitive* primitive =
      nullptr;                 ///< nullptr: runs nothing (a network input or output, a deferred node)
  int threads = 0;             ///< 0: all that the plan has
  std::vector<NodeId> covers;  ///< the nodes that the primitive computes
};

/// The name of the primitive on its threads, by which a CostTable knows it.
std::string name_of(const ChoiceMeaning& meaning);

/// A problem together with what its numbers mean. The graph must outlive it.
struct GraphProblem {
  SelectionProblem problem;
  std::vector<std::vector<ChoiceMeaning>> meanings;  ///< one a choice, as in problem.layers
  std::vector<ValueId> values;                       ///< the value of each problem.tensors entry
};

/// Layers are the graph's inputs, nodes and outputs, in this order; choices the candidates that have a cost,
/// on all threads and on one.
/// A fusion becomes an alternative by private interfaces: its first node may be deferred at no cost, giving
/// an interface such as "cpu:nhwc+deferred.conv12" that converts to nothing and that only the fused choice of
/// the following node accepts. A primitive that gathers its operands wants them in interfaces
/// such as "cpu:nchw>concat17.2", into which a tensor is put at no cost where that is possible. Throws
/// UnsupportedError naming the layer when a node has no candidate with a cost.
GraphProblem build_problem(const Graph& graph, const CandidateSet& candidates, const CostTable& costs);

/// The plan of an answer: steps, conversions with their cheapest primitives, expected costs. Fills all but
/// model, machine, strategy, threads, shapes and the passes, which the caller knows.
Plan make_plan(const Graph& graph, const GraphProblem& built, const SearchAnswer& answer,
               const CandidateSet& candidates, const CostTable& costs);

}  // namespace raceline
