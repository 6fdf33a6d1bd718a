// Sessions do not disturb each other. Meant for the thread sanitizer, and true without it.
#include <thread>

#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

TEST(Concurrency, SessionsInTwoThreadsDoNotDisturbEachOther) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Graph graph = random_graph(random);
    const Plan plan = random_plan(graph, registry, random);
    const std::vector<Tensor> inputs[] = {random_inputs(graph, random), random_inputs(graph, random)};
    const std::vector<Tensor> expected[] = {
        run_once(graph, plan, registry, device, inputs[0], {.threads = 1}),
        run_once(graph, plan, registry, device, inputs[1], {.threads = 1})};
    double differences[2] = {};
    const auto work = [&](size_t which) {
      // The graph's constants are shared, everything else is the session's own.
      Session session(graph, plan, registry, device, {.threads = 1});
      const std::vector<Tensor> outputs = empty_outputs(graph);
      for (int i = 0; i < 20; ++i) {
        session.run(views_of(inputs[which]), views_of(outputs));
        for (size_t k = 0; k < outputs.size(); ++k) {
          differences[which] = std::max(differences[which], difference(outputs[k], expected[which][k]));
        }
      }
    };
    std::thread other(work, 1);
    work(0);
    other.join();
    EXPECT_EQ(differences[0], 0);
    EXPECT_EQ(differences[1], 0);
  }
}

TEST(Concurrency, ASessionMayMoveFromThreadToThread) {
  const PrimitiveRegistry registry = builtin_primitives();
  DirtyDevice device;
  Random random(11);
  Graph graph = random_graph(random);
  const std::vector<Tensor> inputs = random_inputs(graph, random);
  const Plan plan = random_plan(graph, registry, random);
  Session session(graph, plan, registry, device, {.threads = 1});
  const std::vector<Tensor> here = empty_outputs(graph), there = empty_outputs(graph);
  session.run(views_of(inputs), views_of(here));
  std::thread([&] { session.run(views_of(inputs), views_of(there)); }).join();
  for (size_t i = 0; i < here.size(); ++i) EXPECT_EQ(difference(here[i], there[i]), 0);
}

}  // namespace
}  // namespace raceline::testing
