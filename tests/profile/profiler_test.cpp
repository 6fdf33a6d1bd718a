// The profiler on stand-in primitives and a clock of its own.
#include "raceline/profile/profiler.h"

#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "raceline/profile/accuracy.h"
#include "raceline/profile/error_bound.h"
#include "tests/profile/profiler_fixture.h"

namespace raceline {
namespace {

TEST_F(ProfilerTest, CostsAreMeasuredOnTheGivenClockAndSaved) {
  add_relu("fast", 350);
  const ProfileReport report = run();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.candidates, 2u);
  EXPECT_EQ(report.measured, 2u);
  EXPECT_TRUE(report.failures.empty());
  const auto cost = table.find(relu_key, relu_name("fast"));
  ASSERT_TRUE(cost);
  EXPECT_DOUBLE_EQ(cost->us, 350);
  EXPECT_EQ(cost->error, 0);
  EXPECT_EQ(cost->samples, options.timing.rounds);
  const auto row = store.find(key(relu_name("fast")));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->state, CostState::measured);
  EXPECT_EQ(row->samples_us.size(), static_cast<size_t>(options.timing.rounds));
}

TEST_F(ProfilerTest, SecondProfileMeasuresNothing) {
  add_relu("fast", 100);
  add_relu("slow", 300);
  add_relu("awful", 5000);
  add_relu("blocked", 90, Layout::nhwc);
  add_relu("wrong", 10, Layout::nchw, Behaviour::wrong_at_end);
  add_reorders(30);
  const ProfileReport first = run();
  const std::map<CostTable::Key, Cost> costs = table.costs();
  const ProfileReport second = run();
  EXPECT_EQ(second.measured, 0u);
  EXPECT_EQ(second.from_store, first.measured);
  EXPECT_EQ(second.failures, first.failures);
  EXPECT_EQ(table.costs(), costs);
  EXPECT_TRUE(pretence.runs.empty());
}

TEST_F(ProfilerTest, SmallLayersAreMeasuredOnOneThreadAsWell) {
  options.threads = 2;
  add_relu_on_threads("splits", 12, 15);
  add_relu_on_threads("suffers", 14, 8);
  add_relu_on_threads("far", 40, 60);
  const ProfileReport first = run();
  const std::string suffers = relu_name("suffers") + ":1";
  EXPECT_DOUBLE_EQ(table.find(relu_key, suffers)->us, 8);
  EXPECT_DOUBLE_EQ(table.find(relu_key, relu_name("suffers"))->us, 14);
  EXPECT_DOUBLE_EQ(table.find(relu_key, relu_name("splits") + ":1")->us, 15);
  EXPECT_FALSE(table.find(relu_key, relu_name("far") + ":1")) << "no region costs what it lacks";
  EXPECT_EQ(first.candidates, 6u);
  // It is the row of a profile on one thread.
  CostKey single = key(relu_name("suffers"));
  single.threads = 1;
  EXPECT_EQ(store.find(single)->state, CostState::measured);
  EXPECT_EQ(run().measured, 0u);
  EXPECT_DOUBLE_EQ(table.find(relu_key, suffers)->us, 8);
  options.single_below_us = 11;
  run();
  EXPECT_FALSE(table.find(relu_key, suffers)) << "larger layers are not";
}

TEST_F(ProfilerTest, WrongPrimitiveIsReportedAndNotTimed) {
  for (const auto& [library, behaviour, expected] :
       {std::tuple{"wrong", Behaviour::wrong_at_end, "wrong result"},
        {"skips", Behaviour::skips_element, "wrong result"},
        {"fails", Behaviour::fails, "out of luck"},
        {"refuses", Behaviour::refuses, "refuses after all"},
        {"overruns", Behaviour::overruns, "past the end"}}) {
    SCOPED_TRACE(library);
    add_relu(library, 10, Layout::nchw, behaviour);
    run();
    EXPECT_LE(pretence.runs[relu_name(library)], 1);
    EXPECT_FALSE(table.find(relu_key, relu_name(library)));
    const std::string why(table.failure(relu_key, relu_name(library)));
    EXPECT_NE(why.find(expected), std::string::npos) << why;
    const auto row = store.find(key(relu_name(library)));
    ASSERT_TRUE(row);
    EXPECT_EQ(row->state, CostState::failed);
    EXPECT_EQ(row->why, why);
  }
  EXPECT_TRUE(table.find(relu_key, reference_name));
}

TEST_F(ProfilerTest, PrimitiveThatFailsWhileTimedIsReported) {
  add_relu("worn", 100, Layout::nchw, Behaviour::breaks_later);
  const ProfileReport report = run();
  EXPECT_EQ(table.failure(relu_key, relu_name("worn")), "worn out");
  EXPECT_FALSE(table.find(relu_key, relu_name("worn")));
  EXPECT_EQ(report.failures.size(), 1u);
  EXPECT_EQ(report.measured, 1u);
}

TEST_F(ProfilerTest, ErrorAboveTheUsersLimitIsRefusedUntilTheLimitRises) {
  add_relu("inexact", 100, Layout::nchw, Behaviour::inexact);
  options.max_error = 1e-7;
  run();
  EXPECT_NE(table.failure(relu_key, relu_name("inexact")).find("at most"), std::string::npos);
  options.max_error = 1e-4;
  const ProfileReport report = run();
  EXPECT_EQ(report.measured, 1u);
  ASSERT_TRUE(table.find(relu_key, relu_name("inexact")));
  EXPECT_GT(table.find(relu_key, relu_name("inexact"))->error, 1e-7);
  options.max_error = 1e-7;
  EXPECT_EQ(run().measured, 0u);
  EXPECT_FALSE(table.find(relu_key, relu_name("inexact")));
}

TEST_F(ProfilerTest, LayersOf16BitsAreAllowedTheRoundingOfTheirType) {
  Graph halves;
  const ValueId x = halves.add_input("x", {DataType::f16, {1, 4, 8, 8}});
  const NodeId sigmoid = halves.add_node("y", OpKind::unary, UnaryParams{UnaryKind::sigmoid}, {x});
  halves.mark_output(halves.node(sigmoid).outputs[0], "y");
  const PrimitiveRegistry all = builtin_primitives();
  options.timing.clock = steady_clock();
  const CandidateSet candidates(halves, all, {});
  const ProfileReport report = profile(candidates, all, device, store, options, table);
  EXPECT_TRUE(report.failures.empty());
  const auto cost = table.find(halves.layer(sigmoid).key(), all.reference(halves.layer(sigmoid)).name());
  ASSERT_TRUE(cost);
  EXPECT_GT(cost->error, options.max_error);
  EXPECT_LE(cost->error, options.max_error + storing_error(DataType::f16));
}

TEST_F(ProfilerTest, StartedRowsAreSkippedAndReported) {
  add_relu("killer", 10);
  store.mark_started(key(relu_name("killer")));
  const ProfileReport report = run();
  EXPECT_EQ(pretence.runs.count(relu_name("killer")), 0u);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_NE(report.failures[0].find("killed the process"), std::string::npos) << report.failures[0];
  EXPECT_TRUE(table.find(relu_key, reference_name));
  store.forget_failures();
  EXPECT_EQ(run().measured, 1u);
  EXPECT_TRUE(table.find(relu_key, relu_name("killer")));
}

TEST_F(ProfilerTest, CandidateIsStartedBeforeItsFirstRunAndNotAfterwards) {
  bool was_started = false;
  options.stop = [&] {
    // Asked between candidates and rounds: never while one is in the state `started`.
    for (const CostRow& row : store.rows()) was_started = was_started || row.state == CostState::started;
    return false;
  };
  add_relu("fast", 100);
  run();
  EXPECT_FALSE(was_started);
}

TEST_F(ProfilerTest, SlowerCandidateOfTheSameInterfaceIsDropped) {
  add_relu("fast", 100);
  add_relu("slow", 200);
  const ProfileReport report = run();
  EXPECT_EQ(table.find(relu_key, relu_name("slow"))->samples, options.timing.drop_after);
  EXPECT_EQ(table.find(relu_key, relu_name("fast"))->samples, options.timing.rounds);
  EXPECT_EQ(report.dropped, 2u);  // the reference as well
}

TEST_F(ProfilerTest, SlowerCandidateOfAnotherInterfaceIsKeptWhileConversionsMayPay) {
  add_relu("fast", 100);
  add_relu("blocked", 200, Layout::nhwc);
  add_reorders(80);
  run();
  // In the place of "blocked", "fast" would cost 100 and two conversions of 80.
  EXPECT_EQ(table.find(relu_key, relu_name("blocked", "nhwc"))->samples, options.timing.rounds);
}

TEST_F(ProfilerTest, CandidateThatNoConversionCanSaveIsDropped) {
  add_relu("fast", 100);
  add_relu("blocked", 200, Layout::nhwc);
  add_reorders(20);
  run();
  EXPECT_EQ(table.find(relu_key, relu_name("blocked", "nhwc"))->samples, options.timing.drop_after);
}

TEST_F(ProfilerTest, HopelessCandidateRunsOnce) {
  add_relu("fast", 1000);
  add_relu("awful", 1e6);
  run();
  EXPECT_EQ(pretence.runs[relu_name("awful")], 1);
  EXPECT_EQ(table.find(relu_key, relu_name("awful"))->samples, 1);
}

TEST_F(ProfilerTest, OneSlowRunThatTheSystemMayHaveCausedIsNotTheEnd) {
  add_relu("fast", 1000);
  add_relu("late", 900, Layout::nchw, Behaviour::slow_at_first);
  run();
  EXPECT_DOUBLE_EQ(table.find(relu_key, relu_name("late"))->us, 900);
}

TEST_F(ProfilerTest, DroppedCandidateIsTimedAgainWhenItsRivalIsGone) {
  add_relu("fast", 100);
  add_relu("slow", 200);
  run();
  for (const std::string& rival : {relu_name("fast"), std::string(reference_name)}) {
    CostRow row;
    row.key = key(rival);
    row.state = CostState::failed;
    row.why = "no longer";
    store.save(row);
  }
  const ProfileReport report = run();
  EXPECT_EQ(report.measured, 1u);
  EXPECT_EQ(table.find(relu_key, relu_name("slow"))->samples, options.timing.rounds);
}

TEST_F(ProfilerTest, CostsOfOtherThreadCountsAndRevisionsAreNotUsed) {
  run();
  options.threads = 2;
  EXPECT_EQ(run().measured, 1u);
  options.pinned = true;
  EXPECT_EQ(run().measured, 1u);
  EXPECT_EQ(run().measured, 0u);
}

TEST_F(ProfilerTest, EmptyLayersCostNothingAndAreNotRun) {
  Graph empty;
  const ValueId x = empty.add_input("x", {DataType::f32, {0, 8, 6, 5}, Layout::nchw});
  const NodeId relu = empty.add_node("relu", OpKind::unary, UnaryParams{}, {x});
  empty.mark_output(empty.node(relu).outputs[0], "y");
  const CandidateSet candidates(empty, registry, {});
  const ProfileReport report = profile(candidates, registry, device, store, options, table);
  EXPECT_EQ(report.measured, 0u);
  ASSERT_TRUE(table.find(empty.layer(relu).key(), reference_name));
  EXPECT_EQ(table.find(empty.layer(relu).key(), reference_name)->us, 0);
}

TEST_F(ProfilerTest, LayerWithoutReferenceCannotBeChecked) {
  PrimitiveRegistry lone;
  lone.add(std::make_unique<StandIn>(stand_in_info(OpKind::unary, "fast", Layout::nchw, Layout::nchw),
                                     pretence, 100));
  const CandidateSet candidates(graph, lone, {});
  const ProfileReport report = profile(candidates, lone, device, store, options, table);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_NE(report.failures[0].find("could not be checked"), std::string::npos) << report.failures[0];
  EXPECT_TRUE(store.rows().empty());
}

TEST_F(ProfilerTest, ProgressCountsEveryLayerOnce) {
  add_relu("blocked", 390, Layout::nhwc);
  add_reorders(50);
  size_t calls = 0, last = 0;
  options.progress = [&](size_t done, size_t all, const std::string&) {
    EXPECT_EQ(done, last + 1);
    EXPECT_EQ(all, 3u);
    last = done;
    ++calls;
  };
  const ProfileReport report = run();
  EXPECT_EQ(calls, 3u);
  EXPECT_EQ(report.layers, 3u);
}

TEST(ProfilerWithBuiltinPrimitives, EveryCandidateGetsACostOrAReason) {
  const PrimitiveRegistry registry = builtin_primitives();
  Graph graph;
  ValueId value = graph.add_input("x", {DataType::f32, {1, 5, 9, 9}, Layout::nchw});
  const LayerDesc layer = LayerDesc::parse("conv2d 1x5x9x9 20x5x3x3* 20* pads_begin=1x1 pads_end=1x1");
  std::vector<Tensor> operands = random_operands(layer, 1);
  const ValueId weights = graph.add_constant("w", std::move(operands[1]));
  const ValueId bias = graph.add_constant("b", std::move(operands[2]));
  const NodeId conv = graph.add_node("conv", OpKind::conv2d, layer.params, {value, weights, bias});
  const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {graph.node(conv).outputs[0]});
  graph.add_fusion({{conv, relu}});
  graph.mark_output(graph.node(relu).outputs[0], "y");

  CpuDevice device(Machine::detect());
  CostStore store = CostStore::temporary();
  ProfileOptions options;
  options.timing.rounds = 3;
  options.weights_held_bytes = 1;  // every candidate of the convolution is timed by itself
  options.lock.clear();
  CostTable table;
  const CandidateSet candidates(graph, registry, {});
  const ProfileReport report = profile(candidates, registry, device, store, options, table);
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.failures, std::vector<std::string>{});
  EXPECT_EQ(table.size() + table.failures().size(), report.candidates);
  for (const auto& [key, able] : candidates.layers()) {
    EXPECT_FALSE(able.candidates.empty()) << key;
    for (const Candidate& candidate : able.candidates) {
      const auto cost = table.find(key, candidate.primitive->name());
      ASSERT_TRUE(cost) << key << " " << candidate.primitive->name();
      EXPECT_GT(cost->us, 0);
      EXPECT_LE(cost->error, error_bound(*candidate.primitive, able.layer));
    }
  }
}

}  // namespace
}  // namespace raceline
