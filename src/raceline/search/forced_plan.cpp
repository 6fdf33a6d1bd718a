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

Plan preferred_plan(
    const Graph& graph, const CandidateSet& candidates,
    const std::function<std::optional<double>(const LayerDesc& layer, const Primitive& primitive)>& cost) {
  CostTable costs;
  for (const auto& [key, layer] : candidates.layers()) {
    for (const Candidate& candidate : layer.candidates) {
      if (const auto us = cost(layer.layer, *candidate.primitive))
        costs.set(key, candidate.primitive->name(), {.us = *us});
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

Plan forced_plan(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted) {
  double rank = 0;  // breaks ties in the registry's order
  return preferred_plan(graph, candidates,
                        [&](const LayerDesc& layer, const Primitive& primitive) -> std::optional<double> {
                          const bool reference = primitive.info().library == "reference";
                          const bool is_wanted = wanted.admits(primitive.name());
                          if (layer.op == OpKind::reorder) {
                            // A wanted reorder is tried wherever it fits.
                            if (reference) return conversion_cost;
                            return is_wanted ? std::optional(conversion_cost / 2) : std::nullopt;
                          }
                          if (is_wanted) return wanted_cost * (1 + 1e-6 * rank++);
                          return reference ? std::optional(reference_cost) : std::nullopt;
                        });
}

}  // namespace raceline
