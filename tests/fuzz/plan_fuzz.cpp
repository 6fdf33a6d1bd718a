// Plans: parsed, written and parsed again, checked against a small graph, and repaired to fit it.
#include "raceline/kernels/builtin.h"
#include "raceline/runtime/plan.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/small_graph.h"

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace raceline;
  static const Graph graph = fuzz::small_graph();
  static const PrimitiveRegistry registry = builtin_primitives();
  try {
    Plan plan = Plan::from_json(fuzz::text_of(data, size));
    fuzz::promise(Plan::from_json(plan.to_json()) == plan, "a plan is read as it was written");
    const RepairedPlan repaired = repair_plan(plan, graph, registry, "here");
    repaired.plan.check(graph, registry, "here");
    fuzz::promise(Plan::from_json(repaired.plan.to_json()) == repaired.plan,
                  "a repaired plan is read as it was written");
    // The key stands for the whole graph: whatever is wrong behind it would never be looked at.
    plan.graph_key = graph.key();
    plan.machine.clear();
    plan.check(graph, registry, "here");
  } catch (const ParseError&) {
  } catch (const PlanError&) {
  }
  return 0;
}
