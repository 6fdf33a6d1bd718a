// Why a plan is as it is: for each step the alternatives, and what the whole plan would cost with them.
#pragma once
#include <string>
#include <vector>

#include "raceline/search/build_problem.h"

namespace raceline {

/// A primitive that was not chosen for a step.
struct Alternative {
  std::string primitive;  ///< with its threads, where they are not the plan's
  double alone_us = 0;    ///< its own cost
  double spread_us = 0;
  double plan_us = 0;         ///< of the best plan that uses it; impossible when there is none
  double conversions_us = 0;  ///< of that plan's conversions
};

/// A step with its alternatives, best plan first.
struct StepExplanation {
  PlanStep step;
  size_t index = 0;  ///< in plan.steps
  double spread_us = 0;
  std::vector<Alternative> alternatives;
};

/// For each step (or only the one that covers `node`, if not empty) the `most` alternatives that are fastest
/// alone and compute the same nodes. Each is judged by searching the problem again with it forced, so that
/// its conversions count. Throws UnsupportedError when no step covers `node`, naming the nearest.
std::vector<StepExplanation> explain(const Graph& graph, const Plan& plan, const GraphProblem& built,
                                     const CostTable& costs, std::string_view node, size_t most);

/// One line of why an alternative lost: "2.1 us faster alone, costs 9.0 us in conversions", what its
/// neighbours lose or gain by it, and whether all of that lies within the spread of the two costs.
std::string why_not(const StepExplanation& chosen, const Alternative& alternative, const Plan& plan);

}  // namespace raceline
