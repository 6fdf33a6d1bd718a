#include "raceline/tune/plan_graph.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/graph/passes/passes.h"

namespace raceline {

Graph graph_for_plan(OnnxModel& model, const Plan& plan, Bindings bindings, const Evaluator& evaluate) {
  for (const auto& [name, desc] : plan.shapes) bindings.shapes.emplace(name, TensorDesc::parse(desc).shape);
  try {
    return run_passes(model.build(bindings, evaluate), evaluate,
                      {.fusion = plan.fusion, .without = plan.without_passes});
  } catch (const GraphError& error) {
    throw PlanError(
        fmt::format("the plan was made for '{}' and does not fit this model: {}", plan.model, error.what()));
  }
}

}  // namespace raceline
