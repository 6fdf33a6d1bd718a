// From costs to choices and back to a plan, on stand-ins.
#include "raceline/search/build_problem.h"

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

TEST(BuildProblem, ThreadsOfALayerAreAChoiceLikeAnyOther) {
  Pretence pretence;
  PrimitiveRegistry registry;
  for (const auto& [from, to] : {std::pair{Layout::nchw, Layout::nhwc}, {Layout::nhwc, Layout::nchw}})
    registry.add(
        std::make_unique<StandIn>(stand_in_info(OpKind::reorder, "reference", from, to), pretence, 1));
  for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
    registry.add(std::make_unique<StandIn>(
        stand_in_info(OpKind::unary, layout == Layout::nchw ? "reference" : "blocked", layout, layout),
        pretence, 1));
  }
  Graph graph;
  const ValueId x = graph.add_input("x", {DataType::f32, {1, 8, 6, 5}});
  const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {x});
  graph.mark_output(graph.node(relu).outputs[0], "y");
  const CandidateSet candidates(graph, registry, {});
  const std::string key = graph.layer(relu).key(), fast = "unary.blocked.pretend.nhwc@cpu";
  CostTable costs;
  costs.set(key, "unary.reference.pretend.nchw@cpu", {.us = 50});
  costs.set(key, fast, {.us = 20});
  costs.set(key, fast + ":1", {.us = 12});
  for (const auto& [reorder, layer] : candidates.layers()) {
    if (reorder == key) continue;
    costs.set(reorder, layer.candidates[0].primitive->name(), {.us = 5});
    costs.set(reorder, layer.candidates[0].primitive->name() + ":1", {.us = 3});
  }
  const GraphProblem built = build_problem(graph, candidates, costs);
  EXPECT_EQ(built.problem.layers[1].choices.size(), 3u);
  EXPECT_EQ(built.problem.layers[1].choices[2].primitive, fast + ":1");
  const SearchAnswer answer = make_strategy("exact")->search(built.problem, {});
  EXPECT_DOUBLE_EQ(answer.cost_us, 3 + 12 + 3);
  const Plan plan = make_plan(graph, built, answer, candidates, costs);
  EXPECT_EQ(plan.steps[0].primitive, fast);
  EXPECT_EQ(plan.steps[0].threads, 1);
  ASSERT_EQ(plan.conversions.size(), 2u);
  EXPECT_EQ(plan.conversions[0].threads, 1);
  plan.check(graph, registry, "");
}

}  // namespace
}  // namespace raceline
