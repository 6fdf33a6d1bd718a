#include "raceline/tune/limited_tune.h"

namespace raceline {

TuneResult tune_limited(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
                        const TuneOptions& options) {
  TuneResult result;
  const CandidateSet candidates(graph, registry, options.filter);
  CostTable costs;
  const RunScene scene{graph, registry, devices, store, RunConditions::of(graph, devices, options.profile),
                       {}};
  result.profile = measure_costs(options.measure, candidates, scene, options.profile, costs);
  if (options.profile.stop && options.profile.stop()) return result;
  result.complete = true;
  if (options.say) options.say("search: the best plan within the limits");
  const auto enter = [&](std::string name, const GraphProblem& built, const SearchAnswer& answer) {
    RaceEntry entry{.name = std::move(name), .plan = make_plan(graph, built, answer, candidates, costs)};
    entry.plan.strategy = options.strategy;
    scene.conditions.stamp(entry.plan);
    entry.predicted_us = answer.cost_us;
    result.entries.push_back(std::move(entry));
  };
  const GraphProblem built = build_problem(graph, candidates, costs);
  const SearchAnswer optimum = make_strategy("exact")->search(built.problem, options.search);
  result.limited = search_limited({graph, registry, devices, candidates, costs, options.profile.threads},
                                  options.limits, options.strategy, options.search);
  result.answer = result.limited.answer;
  enter("best within the limits", result.limited.built, result.answer);
  enter("optimum without limits", built, optimum);
  result.plan = result.entries.front().plan;
  return result;
}

}  // namespace raceline
