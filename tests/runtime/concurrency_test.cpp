// Sessions do not disturb each other. Meant for the thread sanitizer, and true without it.
#include <thread>

#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "tests/runtime/support.h"
#include "tests/runtime/zoo_net.h"

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

/// Two sessions side by side, each by its own plan on its own input, made and run in a thread of its own;
/// `runs` times what it gave alone.
void expect_undisturbed(Graph& graph, const PrimitiveRegistry& registry, const Plan (&plans)[2], int threads,
                        int runs) {
  CpuDevice device(Machine{});
  Random random(7);
  const std::vector<Tensor> inputs[] = {random_inputs(graph, random), random_inputs(graph, random)};
  std::vector<Tensor> alone[2];
  for (const size_t which : {0, 1}) {
    alone[which] = run_once(graph, plans[which], registry, device, inputs[which], {.threads = threads});
  }
  double differences[2] = {};
  const auto work = [&](size_t which) {
    Session session(graph, plans[which], registry, device, {.threads = threads});
    for (int i = 0; i < runs; ++i) {
      const std::vector<Tensor> outputs = empty_outputs(graph);
      session.run(views_of(inputs[which]), views_of(outputs));
      for (size_t k = 0; k < outputs.size(); ++k) {
        differences[which] = std::max(differences[which], difference(outputs[k], alone[which][k]));
      }
    }
  };
  std::thread other(work, 1);
  work(0);
  other.join();
  EXPECT_EQ(differences[0], 0);
  EXPECT_EQ(differences[1], 0);
}

/// Every pair of libraries, a library with itself included.
void expect_undisturbed_by_libraries(std::string_view net, int threads, int runs) {
  const PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device(Machine{});
  Graph graph = zoo_graph(net, registry, device);
  const auto libraries = libraries_of(graph, registry);
  for (auto first = libraries.begin(); first != libraries.end(); ++first) {
    for (auto second = first; second != libraries.end(); ++second) {
      SCOPED_TRACE(*first + " beside " + *second);
      const Plan plans[] = {plan_by_library(graph, registry, *first),
                            plan_by_library(graph, registry, *second)};
      expect_undisturbed(graph, registry, plans, threads, runs);
    }
  }
}

TEST(Concurrency, LeNetByEachPairOfLibrariesRunsAsIfAlone) {
  expect_undisturbed_by_libraries("lenet5", 1, 50);
}

TEST(Concurrency, SqueezeNetByEachPairOfLibrariesRunsAsIfAlone) {
  expect_undisturbed_by_libraries("squeezenet", 1, 3);
}

// The thread sanitizer does not see the barriers of libgomp, and takes its threads for racing ones.
#if !defined(__SANITIZE_THREAD__)
TEST(Concurrency, SessionsOfTwoThreadsEachDoNotDisturbEachOther) {
  expect_undisturbed_by_libraries("lenet5", 2, 50);
  expect_undisturbed_by_libraries("squeezenet", 2, 3);
}
#endif

}  // namespace
}  // namespace raceline::testing
