// Random networks by random plans equal the reference plan.
#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "raceline/runtime/bound_plan.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

/// What roundings add up to, with what the primitives say of their own.
double tolerance_of(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry) {
  double sum = 2e-5;
  for (const BoundStep& step : bind_plan(plan, graph, registry, "").steps)
    sum += step.primitive->error_bound(step.layer).value_or(0);
  return sum;
}

TEST(Differential, RandomPlansOfRandomNetworksEqualTheReferencePlan) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  size_t conversions = 0, fused = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Random random(seed);
    Graph graph = random_graph(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + graph.to_string());
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    const Plan reference = Plan::reference(graph, registry);
    ASSERT_NO_THROW(reference.check(graph, registry, ""));
    const std::vector<Tensor> expected = run_once(graph, reference, registry, device, inputs);
    for (int repeat = 0; repeat < 2; ++repeat) {
      const Plan plan = random_plan(graph, registry, random);
      SCOPED_TRACE(plan.to_json());
      conversions += plan.conversions.size();
      for (const PlanStep& step : plan.steps) fused += step.covers.size() > 1;
      ASSERT_NO_THROW(plan.check(graph, registry, ""));
      const std::vector<Tensor> outputs = run_once(graph, plan, registry, device, inputs, {.threads = 2});
      for (size_t i = 0; i < outputs.size(); ++i) {
        ASSERT_LE(difference(outputs[i], expected[i]), tolerance_of(plan, graph, registry)) << "output " << i;
      }
    }
  }
  // The networks and plans are worth something.
  EXPECT_GT(conversions, 50u);
  EXPECT_GT(fused, 10u);
}

TEST(Differential, RunsOfOneSessionDoNotInfluenceEachOther) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  for (uint64_t seed = 1000; seed < 1012; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Graph graph = random_graph(random);
    const Plan plan = random_plan(graph, registry, random);
    const std::vector<Tensor> first_inputs = random_inputs(graph, random);
    const std::vector<Tensor> second_inputs = random_inputs(graph, random);
    Session session(graph, plan, registry, device);
    std::vector<Tensor> before = empty_outputs(graph), between = empty_outputs(graph),
                        after = empty_outputs(graph);
    session.run(views_of(first_inputs), views_of(before));
    session.run(views_of(second_inputs), views_of(between));
    session.run(views_of(first_inputs), views_of(after));
    for (size_t i = 0; i < before.size(); ++i)
      EXPECT_EQ(difference(before[i], after[i]), 0) << "output " << i;
  }
}

TEST(Differential, InputsAreNeverWritten) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  for (uint64_t seed = 2000; seed < 2012; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed), again(seed);
    Graph graph = random_graph(random);
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    random_graph(again);
    const std::vector<Tensor> same = random_inputs(graph, again);
    run_once(graph, random_plan(graph, registry, random), registry, device, inputs);
    for (size_t i = 0; i < inputs.size(); ++i) EXPECT_EQ(difference(inputs[i], same[i]), 0) << "input " << i;
  }
}

TEST(Differential, ReleasedConstantsAreNotMissed) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  for (uint64_t seed = 3000; seed < 3012; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Graph graph = random_graph(random);
    const std::vector<Tensor> inputs = random_inputs(graph, random);
    const Plan plan = random_plan(graph, registry, random);
    const std::vector<Tensor> expected = run_once(graph, plan, registry, device, inputs);
    const std::vector<Tensor> outputs =
        run_once(graph, plan, registry, device, inputs, {.release_constants = true});
    for (size_t i = 0; i < outputs.size(); ++i)
      EXPECT_EQ(difference(outputs[i], expected[i]), 0) << "output " << i;
  }
}

}  // namespace
}  // namespace raceline::testing
