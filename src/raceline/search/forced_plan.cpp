#include "raceline/search/forced_plan.h"

#include "raceline/profile/cost_table.h"
#include "raceline/search/build_problem.h"

namespace raceline {
namespace {

// Made-up costs that express an order of preference, not times: any wanted primitive is better than any
// number of conversions, and the reference is the last resort.
constexpr double wanted_cost = 1;
constexpr double conversion_cost = 1e-3;
constexpr double reference_cost = 1e3;

}  // namespace

Plan forced_plan(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted) {
  CostTable costs;
  for (const auto& [key, layer] : candidates.layers()) {
    double rank = 0;  // breaks ties in the registry's order
    for (const Candidate& candidate : layer.candidates) {
      const std::string& name = candidate.primitive->name();
      const bool reference = candidate.primitive->info().library == "reference";
      if (layer.layer.op == OpKind::reorder) {
        if (reference) costs.set(key, name, {.us = conversion_cost});
        // A wanted reorder is tried wherever it fits.
        if (!reference && wanted.admits(name)) costs.set(key, name, {.us = conversion_cost / 2});
      } else if (wanted.admits(name)) {
        costs.set(key, name, {.us = wanted_cost * (1 + 1e-6 * rank++)});
      } else if (reference) {
        costs.set(key, name, {.us = reference_cost});
      }
    }
  }
  const GraphProblem built = build_problem(graph, candidates, costs);
  const SearchAnswer answer = make_strategy("exact")->search(built.problem, {});
  Plan plan = make_plan(graph, built, answer, candidates, costs);
  plan.strategy = "forced";
  plan.expected_us = plan.lower_bound_us = 0;
  for (PlanStep& step : plan.steps) step.expected_us = 0;
  for (PlanConversion& conversion : plan.conversions) conversion.expected_us = 0;
  return plan;
}

}  // namespace raceline
