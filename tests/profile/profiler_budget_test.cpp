// The profiler under a stop and under a budget.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/profile/profiler_fixture.h"

namespace raceline {
namespace {

TEST_F(ProfilerTest, StopKeepsWhatWasMeasuredAndTheNextProfileGoesOn) {
  add_relu("fast", 350);
  add_reorders(50);
  add_relu("blocked", 390, Layout::nhwc);
  int asked = 0;
  for (int limit = 0;; ++limit) {
    SCOPED_TRACE(limit);
    asked = 0;
    options.stop = [&] { return asked++ >= limit; };
    const ProfileReport report = run();
    for (const CostRow& row : store.rows()) EXPECT_NE(row.state, CostState::started);
    EXPECT_EQ(table.size(), store.rows().size());
    if (report.complete) break;
    ASSERT_LT(limit, 1000);
  }
  EXPECT_GE(table.find(relu_key, relu_name("fast"))->samples, options.timing.min_rounds);
}

TEST_F(ProfilerTest, StoppedAtOnceItOnlyLooksUp) {
  add_relu("fast", 350);
  run();
  add_relu("new", 300);
  options.stop = [] { return true; };
  options.lock = "/nowhere/at/all";
  const ProfileReport report = run();
  EXPECT_FALSE(report.complete);
  EXPECT_TRUE(pretence.runs.empty());
  EXPECT_TRUE(table.find(relu_key, relu_name("fast")));
  EXPECT_FALSE(table.find(relu_key, relu_name("new")));
}

TEST_F(ProfilerTest, BudgetEndsTheProfile) {
  add_relu("fast", 350);
  options.seconds = 1e-3;
  const ProfileReport report = run();
  EXPECT_FALSE(report.complete);
  EXPECT_GT(report.measured, 0u);
  options.seconds = 0;
  EXPECT_TRUE(run().complete);
}

TEST_F(ProfilerTest, UnderABudgetEveryLayerHasACostBeforeAnyHasAll) {
  for (int i = 0; i < 20; ++i) add_relu("l" + std::to_string(i), 1000 + i);
  add_reorders(30);
  ValueId x = graph.node(NodeId{0}).outputs[0];
  for (int layer = 0; layer < 10; ++layer) {
    UnaryParams params;
    params.kind = UnaryKind::leaky_relu;
    params.alpha = 0.01F * static_cast<float>(layer + 1);  // a layer of its own
    x = graph.node(graph.add_node("n" + std::to_string(layer), OpKind::unary, params, {x})).outputs[0];
  }
  graph.mark_output(x, "z");
  const CandidateSet candidates(graph, registry, {});
  options.seconds = 0.15;  // all would take 3 s, the first layer alone 0.3 s
  const ProfileReport report = run();
  EXPECT_FALSE(report.complete);
  for (const auto& layer : candidates.layers()) {
    EXPECT_TRUE(std::ranges::any_of(layer.second.candidates, [&](const Candidate& candidate) {
      return table.find(layer.first, candidate.primitive->name()).has_value();
    })) << layer.first;
  }
  EXPECT_LT(report.measured, report.candidates / 2);
  // And by no time at all, one run each.
  store = CostStore::temporary();
  options.seconds = 1e-9;
  const ProfileReport least = run();
  EXPECT_FALSE(least.complete);
  EXPECT_EQ(least.measured, candidates.layers().size());
  store = CostStore::temporary();
  options.seconds = 0.15;
  run();
  options.seconds = 0;
  const ProfileReport rest = run();
  EXPECT_TRUE(rest.complete);
  EXPECT_GT(rest.from_store, 0u);
  EXPECT_GE(rest.from_store + rest.measured, report.candidates);
}

TEST_F(ProfilerTest, UnderABudgetALayerThatOnlyPoorCandidatesWereTimedOnIsNotLeftWithThem) {
  add_relu("fast", 100);
  for (int i = 0; i < 20; ++i) add_relu("l" + std::to_string(i), 1000 + i);
  const ValueId x = graph.add_input("large", {DataType::f32, Shape{1, 8, 60, 50}, Layout::nchw});
  const NodeId relu = graph.add_node("large_relu", OpKind::unary, UnaryParams{}, {x});
  graph.mark_output(graph.node(relu).outputs[0], "z");
  const std::string large_key = graph.layer(relu).key();
  CostRow poor;
  poor.key = key(relu_name("l19"));
  poor.key.layer = large_key;
  poor.samples_us.assign(static_cast<size_t>(options.timing.min_rounds), 5000);
  store.save(poor);
  options.seconds = 0.1;  // all candidates of the small layer alone take three times as long
  EXPECT_FALSE(run().complete);
  ASSERT_TRUE(table.find(large_key, relu_name("fast")));
  EXPECT_GE(table.find(large_key, relu_name("fast"))->samples, options.timing.min_rounds);
}

}  // namespace
}  // namespace raceline
