// A search of a graph's problem under a user's limits: memory, and results that never vary.
#pragma once
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "raceline/search/plan_memory.h"

namespace raceline {

struct PlanLimits {
  int64_t max_memory_bytes = 0;  ///< PlanMemory::total(); 0: no limit
  bool deterministic = false;    ///< only primitives that gave equal bits whenever they were run
  bool any() const { return max_memory_bytes > 0 || deterministic; }
};

/// What a graph's search works on. The references must outlive it.
struct SearchScene {
  const Graph& graph;
  const PrimitiveRegistry& registry;
  Devices devices;
  const CandidateSet& candidates;
  CostTable& costs;
  int threads = 1;
};

struct LimitedSearch {
  GraphProblem built;
  SearchAnswer answer;
  std::optional<PlanMemory> memory;   ///< where it was asked for
  double unlimited_us = 0;            ///< cost of the optimum without any limit
  std::vector<std::string> excluded;  ///< "layer: primitive: another result with 2 threads"
};

/// The best plan within the limits; by `strategy` where memory is not limited, which has a search of its own.
/// For `deterministic` the chosen primitives are run; those whose results vary become failures in the costs
/// (`why`), and the search begins again. Throws UnsupportedError ("no feasible choice") naming the least
/// memory possible.
LimitedSearch search_limited(const SearchScene& scene, const PlanLimits& limits, std::string_view strategy,
                             const SearchOptions& options);

/// Time against memory of the graph's plans, and the built problem with its figures.
struct ParetoCurve {
  GraphProblem built;
  std::vector<LimitedAnswer> points;
};
ParetoCurve pareto_curve(const SearchScene& scene, const SearchOptions& options, int points);

}  // namespace raceline
