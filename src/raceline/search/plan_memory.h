// The memory of plans: figures for the choices of a graph's problem, and the whole of a choice.
#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <tuple>

#include "raceline/device/devices.h"
#include "raceline/profile/footprint.h"
#include "raceline/runtime/packing.h"
#include "raceline/search/build_problem.h"
#include "raceline/search/memory_limit.h"

namespace raceline {

/// Memory of a plan: what a Session of it takes that releases the graph's constants. Weights on an
/// accelerator count as the host's do, its arena does not.
struct PlanMemory {
  int64_t weights_bytes = 0;  ///< packed constants, and those that kernels read as they are
  int64_t arena_bytes = 0;    ///< tensors and workspaces, as they are laid out
  int64_t packing_bytes = 0;  ///< the most that there is of constants, packed or not, while they are packed
  int64_t total() const { return std::max(weights_bytes + arena_bytes, packing_bytes); }
};

/// What is asked for a layer of several uses is learned once. The references must outlive it.
class PlanMemories {
 public:
  PlanMemories(const Graph& graph, const PrimitiveRegistry& registry, Devices devices, int threads);

  /// Sets weights_bytes and workspace_bytes (of the host) of all choices, by preparing each primitive for
  /// each of its layers once: as long as packing all weights takes. `stop` is asked between; true gives
  /// false.
  bool fill(GraphProblem& built, const std::function<bool()>& stop = {});
  /// The working bytes of the choices: workspace, operands and outputs, as far as they surely lie in the
  /// arena, each piece of memory once.
  std::vector<std::vector<int64_t>> working_bytes(const GraphProblem& built);
  /// What packing takes for each choice alone: no plan with it takes less memory.
  std::vector<std::vector<int64_t>> packing_bytes(const GraphProblem& built);
  /// Of a choice whose problem was filled.
  PlanMemory memory(const GraphProblem& built, std::span<const int> choice, const CandidateSet& candidates,
                    const CostTable& costs);

 private:
  /// A layer, a primitive and its threads; 0: all.
  using Known = std::tuple<std::string, const Primitive*, int>;
  const Footprint& learn(const ChoiceMeaning& meaning);
  Packing packing(const ChoiceMeaning& meaning);
  size_t workspace_bytes(const Primitive& primitive, const LayerDesc& layer, int threads);
  /// How many these are. Libraries look at the size of the team when they plan scratch memory and pack.
  int bind(const Primitive& primitive, int threads);

  const Graph& graph_;
  const PrimitiveRegistry& registry_;
  Devices devices_;
  Queues queues_, single_;
  std::map<Known, Footprint> known_;
  std::map<Known, size_t> workspaces_;
};

}  // namespace raceline
