// What whole runs say of their parts, and the correction that is made of it: on stored runs, without a clock.
#include "raceline/tune/whole_runs.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/device/cpu_device.h"
#include "raceline/tune/correct.h"
#include "raceline/tune/race.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

const Shape shape{1, 8, 6, 5};

std::string relu_name(const std::string& library) {
  return "unary." + library + ".pretend.nchw@cpu";
}

TEST(RunSplit, AddsUpOverTheFifthOfRunsThatWasFastestAsAWhole) {
  std::vector<RunRow> rows{{"", "", "", "", {}, ""},
                           {"a", "relu x", "p", "r", {}, ""},
                           {"convert t", "reorder x", "p", "r", {}, ""},
                           {"y", "", "copy", "", {}, ""}};
  for (int run = 0; run < 10; ++run) {
    const bool fast = run == 3 || run == 7;
    // A slow run may have a fast step: its own minimum says nothing of the whole.
    rows[1].samples_us.push_back(fast ? 40.0 + run : 10);
    rows[2].samples_us.push_back(fast ? 5 : 100);
    rows[3].samples_us.push_back(1);
    rows[0].samples_us.push_back(fast ? 60 : 200);
  }
  const RunSplit split = split_of(rows);
  EXPECT_DOUBLE_EQ(split.kernels_us, 45);
  EXPECT_DOUBLE_EQ(split.conversions_us, 5);
  EXPECT_DOUBLE_EQ(split.dispatch_us, 10);
  EXPECT_DOUBLE_EQ(split.whole_us(), 60);
  EXPECT_EQ(split.step_us, (std::vector<double>{45, 5, 1}));
  rows[2].samples_us.pop_back();
  EXPECT_THROW(split_of(rows), Error);
  EXPECT_THROW(split_of({}), Error);
}

class Correcting : public testing::Test {
 protected:
  Correcting() {
    const ValueId x = graph.add_input("x", {DataType::f32, shape, Layout::nchw});
    const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {x});
    graph.mark_output(graph.node(relu).outputs[0], "y");
    key = graph.layer(relu).key();
    for (const std::string library : {"reference", "first", "second"}) {
      registry.add(std::make_unique<StandIn>(
          stand_in_info(OpKind::unary, library, Layout::nchw, Layout::nchw), pretence, 1));
    }
    conditions = {graph.key(), device.fingerprint(), device.fingerprint(), 1, false};
    alone(100, 50, 50.5);
  }
  void alone(double reference, double first, double second) {
    costs.set(key, relu_name("reference"), {.us = reference});
    costs.set(key, relu_name("first"), {.us = first});
    costs.set(key, relu_name("second"), {.us = second});
  }
  Plan plan_of(const std::string& library) {
    Plan plan;
    plan.steps.push_back({{"relu"}, relu_name(library)});
    return plan;
  }
  void ran(const std::string& library, double inside_us, const std::string& protocol = protocol::correct) {
    const std::vector<RunRow> rows{
        {"", "", "", "", {inside_us + 1}, ""},
        {"relu", key, relu_name(library), registry.at(relu_name(library)).revision(), {inside_us}, ""}};
    store.save_runs(conditions.key(plan_signature(plan_of(library), registry), protocol), rows);
  }
  Correction run() {
    return correct(CandidateSet(graph, registry, {}), costs, {graph, registry, device, store, conditions, {}},
                   {}, [] { return false; });
  }
  double at_place(const std::string& library) { return costs.find_at("relu", key, relu_name(library))->us; }

  Pretence pretence;
  PrimitiveRegistry registry;
  CpuDevice device{Machine{}};
  CostStore store = CostStore::temporary();
  CostTable costs;
  Graph graph;
  RunConditions conditions;
  std::string key;
};

TEST_F(Correcting, StepsAreTimedInTheRunsThatTheWholeIsTimedIn) {
  Plan plan = plan_of("first");
  plan.threads = 1;
  plan.graph_key = graph.key();
  Session session(graph, plan, registry, device);
  const Tensor x({DataType::f32, shape, Layout::nchw}), y(x.desc());
  std::fill_n(x.data<float>(), shape.elements(), 1.0f);
  const TensorView inputs[] = {x.view()}, outputs[] = {y.view()};
  const auto queue = device.make_queue(1);
  Sentinel sentinel(steady_clock());
  const std::vector<RunRow> rows = time_steps(session, rows_of(session, plan, graph, registry), inputs,
                                              outputs, *queue, sentinel, {.rounds = 3, .max_repeats = 1});
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[1].layer, key);
  EXPECT_GE(rows[0].samples_us.size(), 2u);
  ASSERT_EQ(rows[0].samples_us.size(), rows[1].samples_us.size()) << "runs of the warm-up are no samples";
  for (size_t run = 0; run < rows[0].samples_us.size(); ++run) {
    EXPECT_GT(rows[1].samples_us[run], 0) << run;
    EXPECT_LE(rows[1].samples_us[run], rows[0].samples_us[run]) << run;
  }
}

TEST_F(Correcting, ChangesThePlanWhenItsLayersAreSlowerInside) {
  ran("first", 60);
  ran("second", 52);
  ran("reference", 100);
  const Correction correction = run();
  EXPECT_TRUE(correction.complete);
  EXPECT_TRUE(correction.settled);
  EXPECT_EQ(correction.measured, 0u);
  EXPECT_EQ(correction.plans.front().plan.steps[0].primitive, relu_name("first"));
  EXPECT_DOUBLE_EQ(at_place("first"), 60);
  EXPECT_DOUBLE_EQ(at_place("second"), 52);
  EXPECT_DOUBLE_EQ(correction.dispatch_us, 1);
  // What they cost by themselves stands beside it.
  EXPECT_DOUBLE_EQ(costs.find(key, relu_name("first"))->us, 50);
  EXPECT_EQ(costs.find(key, relu_name("first"))->source, CostSource::measured);
  EXPECT_EQ(costs.find_at("relu", key, relu_name("first"))->source, CostSource::inside);
  EXPECT_TRUE(store.rows().empty());
}

TEST_F(Correcting, SlowRunsOfTheStoreFillAnEntryAndNothingElseDoes) {
  RaceEntry entry{.name = "slow", .plan = plan_of("first")};
  const auto slow = [&](double first_us) {
    const auto never = [] { return false; };
    return run_slow(entry, first_us, {graph, registry, device, store, conditions, {}}, 3, never, never);
  };
  EXPECT_EQ(slow(20), 0);
  EXPECT_EQ(entry.measured_us, 0);
  const std::vector<RunRow> rows{{"", "", "", "", {60, 60, 60}, ""}};
  store.save_runs(conditions.key(plan_signature(entry.plan, registry), protocol::alone), rows);
  EXPECT_EQ(slow(0), 3);
  EXPECT_DOUBLE_EQ(entry.measured_us, 60);
  EXPECT_DOUBLE_EQ(entry.median_us, 60);
  EXPECT_DOUBLE_EQ(entry.ratio, 1) << "there is nothing to compare with";
  EXPECT_EQ(slow(20), 3);
  EXPECT_DOUBLE_EQ(entry.ratio, 3);
  EXPECT_DOUBLE_EQ(entry.ratio_low, 3);
  EXPECT_DOUBLE_EQ(entry.ratio_high, 3);
}

TEST_F(Correcting, TakesOfARaceAreFoundAgainAndRowsThatDoNotPairAreNot) {
  std::vector<RaceEntry> entries{{.name = "first", .plan = plan_of("first")},
                                 {.name = "second", .plan = plan_of("second")}};
  const auto from_store = [&] {
    const auto never = [] { return false; };
    return race(entries, {graph, registry, device, store, conditions, {}}, {.stop = never, .may_run = never});
  };
  EXPECT_EQ(from_store(), RaceState::stopped);
  const RunKey key = conditions.key(plan_signature(entries[1].plan, registry),
                                    protocol::race_against(plan_signature(entries[0].plan, registry)));
  // 20 % slower in the first take, 10 % faster in the second.
  std::vector<RunRow> rows{{"", "", "", "", {60, 60}, ""},
                           {"rival", "", "", "", {50, 50}, ""},
                           {"", "", "", "", {45, 45, 45}, ""},
                           {"rival", "", "", "", {50, 50, 50}, ""}};
  store.save_runs(key, rows);
  EXPECT_EQ(from_store(), RaceState::from_store);
  EXPECT_DOUBLE_EQ(entries[0].median_us, 50);
  EXPECT_DOUBLE_EQ(entries[1].median_us, 45);
  EXPECT_DOUBLE_EQ(entries[1].ratio, 0.9);
  EXPECT_DOUBLE_EQ(entries[1].ratio_low, 0.9);
  EXPECT_DOUBLE_EQ(entries[1].ratio_high, 1.2) << "the takes disagree";
  for (const size_t keep : {3u, 1u}) {
    store.save_runs(key, std::span(rows).first(keep));
    EXPECT_EQ(from_store(), RaceState::stopped) << keep << " rows";
  }
  rows[3].samples_us.pop_back();
  store.save_runs(key, rows);
  EXPECT_EQ(from_store(), RaceState::stopped) << "samples of different numbers";
}

TEST_F(Correcting, WhatWasNotRunIsScaledLikeWhatWas) {
  ran("first", 55);
  ran("second", 51);
  run();
  const Cost reference = *costs.find_at("relu", key, relu_name("reference"));
  EXPECT_EQ(reference.source, CostSource::inferred);
  EXPECT_DOUBLE_EQ(reference.us, 100 * (55 + 51) / (50 + 50.5));
  EXPECT_DOUBLE_EQ(costs.find_at("elsewhere", key, relu_name("reference"))->us, 100);
}

TEST_F(Correcting, WhatIsSlowOnAllThreadsIsNotThoughtSlowOnOne) {
  costs.set(key, relu_name("first") + ":1", {.us = 56});
  ran("first", 60);
  ran("second", 62);
  ran("reference", 100);
  EXPECT_FALSE(run().complete) << "that plan is wanted next, and may not run";
  EXPECT_DOUBLE_EQ(at_place("second"), 62);
  EXPECT_DOUBLE_EQ(costs.find_at("relu", key, relu_name("first") + ":1")->us, 56);
}

TEST_F(Correcting, EndsWhereItMayNotRunAndKeepsWhatItKnows) {
  const Correction correction = run();
  EXPECT_FALSE(correction.complete);
  EXPECT_TRUE(correction.plans.empty());
  EXPECT_DOUBLE_EQ(at_place("first"), 50);
}

TEST_F(Correcting, RunsOfOtherProtocolsConditionsOrRevisionsCorrectNothing) {
  ran("first", 60, protocol::check);
  ran("first", 60, protocol::alone);
  conditions.threads = 2;
  ran("first", 60);
  conditions.threads = 1;
  EXPECT_FALSE(run().complete);
  EXPECT_EQ(load_corrections(costs, graph, registry, store, conditions), 0u);
  EXPECT_DOUBLE_EQ(at_place("first"), 50);
  ran("first", 60);
  EXPECT_EQ(load_corrections(costs, graph, registry, store, conditions), 1u);
  EXPECT_DOUBLE_EQ(at_place("first"), 60);
}

TEST(PlanSignature, TellsPlansApartByWhatTheyRun) {
  Pretence pretence;
  PrimitiveRegistry one, other;
  for (PrimitiveRegistry* registry : {&one, &other}) {
    registry->set_source(registry == &one ? "1" : "2");
    for (const std::string library : {"a", "b"}) {
      registry->add(std::make_unique<StandIn>(
          stand_in_info(OpKind::unary, library, Layout::nchw, Layout::nchw), pretence, 1));
    }
  }
  Plan plan;
  plan.steps.push_back({{"relu"}, relu_name("a")});
  const std::string signature = plan_signature(plan, one);
  EXPECT_EQ(signature.size(), 16u);
  Plan named = plan;
  named.model = "other";
  named.expected_us = 5;
  named.steps[0].expected_us = 5;
  EXPECT_EQ(plan_signature(named, one), signature);
  EXPECT_NE(plan_signature(plan, other), signature) << "another revision";
  Plan threads = plan, primitive = plan;
  threads.steps[0].threads = 1;
  primitive.steps[0].primitive = relu_name("b");
  EXPECT_NE(plan_signature(threads, one), signature);
  EXPECT_NE(plan_signature(primitive, one), signature);
}

}  // namespace
}  // namespace raceline
