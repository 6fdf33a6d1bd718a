// Measuring only what predictions leave undecided: on made-up costs, and on stand-in primitives with a clock
// of their own.
#include "raceline/tune/measure_undecided.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/device/cpu_device.h"
#include "raceline/search/build_problem.h"
#include "raceline/tune/profile_undecided.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

std::string relu_name(const std::string& library, const std::string& layout = "nchw") {
  return "unary." + library + ".pretend." + layout + "@cpu";
}

/// A chain of ReLUs of different sizes, each by several primitives in two layouts, with reorders between
/// them.
class Undecided : public testing::Test {
 protected:
  static constexpr int layers = 6, libraries = 5;

  Undecided() {
    ValueId x = graph.add_input("x", {DataType::f32, Shape{1, 8, 6, 5}, Layout::nchw});
    for (int layer = 0; layer < layers; ++layer) {
      UnaryParams params;
      params.kind = UnaryKind::leaky_relu;
      params.alpha = 0.01F * static_cast<float>(layer + 1);  // a layer of its own
      x = graph.node(graph.add_node("n" + std::to_string(layer), OpKind::unary, params, {x})).outputs[0];
    }
    graph.mark_output(x, "y");
    for (const Layout layout : {Layout::nchw, Layout::nhwc}) {
      for (int library = 0; library < libraries; ++library) {
        registry.add(std::make_unique<StandIn>(
            stand_in_info(
                OpKind::unary,
                library == 0 && layout == Layout::nchw ? "reference" : "l" + std::to_string(library), layout,
                layout),
            pretence, 1));
      }
    }
    for (const auto& [from, to] : {std::pair{Layout::nchw, Layout::nhwc}, {Layout::nhwc, Layout::nchw}})
      registry.add(
          std::make_unique<StandIn>(stand_in_info(OpKind::reorder, "reference", from, to), pretence, 1));
    candidates.emplace(graph, registry, PrimitiveFilter{});
  }

  /// Costs of all pairs, drawn.
  void draw(uint64_t seed) {
    Random random(seed);
    truth = CostTable();
    for (const auto& [key, layer] : candidates->layers()) {
      for (const Candidate& candidate : layer.candidates)
        truth.set(key, candidate.primitive->name(), {.us = 10 * std::exp(0.5 * random.normal())});
    }
  }
  /// Intervals of a factor around predictions that err by less than it, or by more: `wrong` times as much.
  CostIntervals predict(uint64_t seed, double factor, double wrong = 1) {
    Random random(seed + 1000);
    CostIntervals intervals;
    for (const auto& [pair, cost] : truth.costs()) {
      const double off = wrong * std::log(factor) * (2 * random.uniform() - 1);
      const double us = cost.us * std::exp(off);
      intervals[pair] = {us, us / factor, us * factor};
    }
    return intervals;
  }
  double optimum_us(const CostTable& costs) const {
    return make_strategy("exact")->search(build_problem(graph, *candidates, costs).problem, {}).cost_us;
  }
  /// Decides, answering from the truth.
  UndecidedReport decide(const CostIntervals& intervals, const UndecidedOptions& options = {.tolerance = 0}) {
    const auto measure = [&](const Pairs& pairs, CostTable& table) {
      for (const CostTable::Key& pair : pairs) {
        EXPECT_TRUE(asked.insert(pair).second) << "asked twice";
        if (const auto cost = truth.find(pair.first, pair.second)) table.set(pair.first, pair.second, *cost);
        const std::string_view why = truth.failure(pair.first, pair.second);
        if (!why.empty()) table.set_failure(pair.first, pair.second, std::string(why));
      }
    };
    asked.clear();
    return measure_undecided(graph, *candidates, intervals, measure, options, table);
  }

  Pretence pretence;
  PrimitiveRegistry registry;
  Graph graph;
  std::optional<CandidateSet> candidates;
  CostTable truth, table;
  Pairs asked;
};

TEST_F(Undecided, WhereIntervalsHoldThePlanIsTheOptimumOfAllCosts) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    draw(seed);
    table = CostTable();
    const UndecidedReport report = decide(predict(seed, 1.3));
    EXPECT_TRUE(report.decided);
    EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(truth)) << "seed " << seed;
    EXPECT_LE(report.bound_us, report.cost_us * (1 + 1e-12));
    EXPECT_EQ(report.asked, asked.size());
    EXPECT_LT(report.asked, report.pairs / 2) << "seed " << seed;
  }
}

TEST_F(Undecided, WhatIsInTheTableWasMeasured) {
  draw(1);
  decide(predict(1, 1.3));
  EXPECT_EQ(table.size(), asked.size());
  for (const auto& [pair, cost] : table.costs()) {
    EXPECT_TRUE(asked.contains(pair));
    EXPECT_EQ(cost, *truth.find(pair.first, pair.second));
    EXPECT_EQ(cost.source, CostSource::measured);
  }
  EXPECT_GE(optimum_us(table), optimum_us(truth));
}

TEST_F(Undecided, ThePlanIsAsMuchWorseAsIntervalsAreWrongAtMost) {
  constexpr double factor = 1.2, wrong = 4;
  bool lost = false;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    draw(seed);
    table = CostTable();
    const UndecidedReport report = decide(predict(seed, factor, wrong));
    const double optimum = optimum_us(truth);
    // The lower end of an interval is above the cost by factor^wrong / factor at most.
    EXPECT_LE(report.cost_us, optimum * std::pow(factor, wrong - 1) * (1 + 1e-9)) << "seed " << seed;
    EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(table)) << "the best of what was measured";
    lost = lost || report.cost_us > optimum * 1.001;
  }
  EXPECT_TRUE(lost) << "intervals that are wrong must lose something somewhere, or nothing is tested here";
}

TEST_F(Undecided, WithoutAnyPredictionThePlanIsTheOptimum) {
  draw(3);
  const UndecidedReport report = decide({});
  EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(truth));
  EXPECT_EQ(report.unpredicted, report.pairs);
}

TEST_F(Undecided, WithTolerancesLessIsMeasuredAndTheBoundHolds) {
  size_t exact = 0, tolerant = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    draw(seed);
    const CostIntervals intervals = predict(seed, 1.5);
    table = CostTable();
    exact += decide(intervals).asked;
    table = CostTable();
    const UndecidedReport report = decide(intervals, {.tolerance = 0.1});
    tolerant += report.asked;
    EXPECT_LE(report.cost_us, 1.1 * optimum_us(truth) * (1 + 1e-12));
    EXPECT_LE(report.cost_us, 1.1 * report.bound_us * (1 + 1e-12));
  }
  EXPECT_LT(tolerant, exact);
}

TEST_F(Undecided, NoMoreThanItsShareIsMeasuredOnceThereIsAPlan) {
  int spent = 0;
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    draw(seed);
    table = CostTable();
    const UndecidedReport report = decide(predict(seed, 4), {.tolerance = 0, .most_share = 0.25});
    EXPECT_TRUE(report.decided);
    EXPECT_LE(report.asked_share(), 0.25) << "seed " << seed;
    EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(table)) << "the best of what was measured";
    spent += report.spent ? 1 : 0;
  }
  EXPECT_GT(spent, 10);
}

TEST_F(Undecided, WithAShareOfNothingThereIsStillAPlan) {
  draw(4);
  const UndecidedReport report = decide(predict(4, 4), {.tolerance = 0, .most_share = 0});
  EXPECT_TRUE(report.decided && report.spent);
  EXPECT_GT(report.cost_us, 0);
}

TEST_F(Undecided, WiderIntervalsFindWhatNarrowOnesMissed) {
  constexpr double factor = 1.2, wrong = 3;
  double narrow = 0, wide = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    draw(seed);
    const CostIntervals intervals = predict(seed, factor, wrong);
    table = CostTable();
    const UndecidedReport first = decide(intervals);
    narrow += first.cost_us / optimum_us(truth) - 1;
    EXPECT_EQ(first.width, 1);
    table = CostTable();
    const UndecidedReport report = decide(intervals, {.tolerance = 0, .least_asked = 1000, .most_width = 4});
    EXPECT_TRUE(report.decided);
    EXPECT_EQ(report.width, 4);
    EXPECT_GE(report.asked, first.asked) << "seed " << seed;
    wide += report.cost_us / optimum_us(truth) - 1;
    // A prediction errs by factor^wrong, which intervals four times as wide contain.
    EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(truth)) << "seed " << seed;
  }
  EXPECT_GT(narrow, 0.01);
  EXPECT_LT(wide, narrow);
}

TEST_F(Undecided, WhatIsKnownIsNotAskedAndCountsAsKnown) {
  draw(5);
  decide(predict(5, 1.3));
  const size_t first = asked.size();
  const UndecidedReport again = decide(predict(5, 1.3));
  EXPECT_TRUE(again.decided);
  EXPECT_EQ(again.known, first);
  EXPECT_EQ(again.asked, 0u);
  EXPECT_EQ(again.asked_share(), 0);
}

TEST_F(Undecided, WhatFailsIsNotChosenHoweverFastItWasPredicted) {
  draw(7);
  const CostIntervals intervals = predict(7, 1.3);
  decide(intervals);
  // All but the reference that looked good turn out to be wrong.
  for (const CostTable::Key& pair : Pairs(asked)) {
    if (pair.first.starts_with("unary") && pair.second != relu_name("reference"))
      truth.set_failure(pair.first, pair.second, "wrong result");
  }
  table = CostTable();
  const UndecidedReport report = decide(intervals);
  EXPECT_TRUE(report.decided);
  EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(truth));
  EXPECT_FALSE(table.failures().empty());
  for (const auto& [pair, why] : table.failures()) EXPECT_FALSE(table.find(pair.first, pair.second));
}

TEST_F(Undecided, ALayerOfWhichAllFailIsAnErrorThatNamesIt) {
  draw(9);
  const CostIntervals intervals = predict(9, 1.3);
  const std::string key = graph.layer(NodeId{2}).key();
  for (const Candidate& candidate : candidates->at(key).candidates)
    truth.set_failure(key, candidate.primitive->name(), "out of luck");
  try {
    decide(intervals);
    FAIL() << "nothing can compute the layer";
  } catch (const UnsupportedError& error) {
    EXPECT_NE(std::string(error.what()).find("n2"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("out of luck"), std::string::npos) << error.what();
  }
}

TEST_F(Undecided, EndsWhereNothingIsMeasured) {
  draw(11);
  int calls = 0;
  const UndecidedReport report = measure_undecided(
      graph, *candidates, predict(11, 1.3), [&](const Pairs&, CostTable&) { ++calls; }, {}, table);
  EXPECT_FALSE(report.decided);
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(report.asked, 0u);
  EXPECT_EQ(table.size(), 0u);
}

TEST_F(Undecided, HostileIntervalsDoNoHarm) {
  draw(13);
  CostIntervals intervals = predict(13, 1.3);
  const double values[] = {0, 1e15, 1e-3, 1e-300};  // as far as a predictor goes
  size_t index = 0;
  for (auto& [pair, interval] : intervals) {
    const double us = values[index++ % 4];
    interval = {us, us, infinite};
  }
  const UndecidedReport report = decide(intervals);
  EXPECT_TRUE(report.decided);
  EXPECT_DOUBLE_EQ(report.cost_us, optimum_us(table));
  EXPECT_TRUE(std::isfinite(report.cost_us));
}

/// One layer by primitives that take the time of a clock of their own.
class ProfilingUndecided : public testing::Test {
 protected:
  ProfilingUndecided() {
    options.timing.clock = [this] { return pretence.now_us; };
    options.lock.clear();
    const ValueId x = graph.add_input("x", {DataType::f32, Shape{1, 8, 6, 5}, Layout::nchw});
    const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {x});
    graph.mark_output(graph.node(relu).outputs[0], "y");
    key = graph.layer(relu).key();
    add("reference", 400);
  }
  void add(const std::string& library, double us, Behaviour behaviour = Behaviour::right) {
    registry.add(std::make_unique<StandIn>(stand_in_info(OpKind::unary, library, Layout::nchw, Layout::nchw),
                                           pretence, us, behaviour));
  }
  void predict(const std::string& library, double us, double factor = 1.2) {
    intervals[{key, relu_name(library)}] = {us, us / factor, us * factor};
  }
  ProfileReport run() {
    table = CostTable();
    pretence.runs.clear();
    const RunScene scene{graph, registry, device, store, RunConditions::of(graph, device, options), {}};
    return profile_undecided(CandidateSet(graph, registry, {}), scene, intervals, {}, options, table,
                             decision);
  }

  Pretence pretence;
  PrimitiveRegistry registry;
  CpuDevice device{Machine{}};
  CostStore store = CostStore::temporary();
  ProfileOptions options;
  CostIntervals intervals;
  CostTable table;
  Graph graph;
  std::string key;
  UndecidedReport decision;
};

TEST_F(ProfilingUndecided, WhatCannotWinIsNeverRun) {
  add("fast", 100);
  add("near", 110);
  add("slow", 300);
  predict("reference", 400);
  predict("fast", 105);
  predict("near", 104);
  predict("slow", 310);
  const ProfileReport report = run();
  EXPECT_TRUE(report.complete);
  EXPECT_EQ(report.candidates, 4u);
  EXPECT_EQ(report.measured, 2u);
  EXPECT_EQ(decision.asked, 2u);
  EXPECT_EQ(decision.pairs, 4u);
  EXPECT_FALSE(pretence.runs.contains(relu_name("slow")));
  EXPECT_DOUBLE_EQ(decision.cost_us, 100);
  EXPECT_EQ(table.size(), 2u);
  EXPECT_EQ(store.rows().size(), 2u);
}

TEST_F(ProfilingUndecided, AWrongResultIsFoundBeforeItCanBeChosen) {
  add("wrong", 50, Behaviour::wrong_at_end);
  add("fast", 100);
  predict("reference", 400);
  predict("wrong", 50);
  predict("fast", 100);
  const ProfileReport report = run();
  EXPECT_TRUE(report.complete);
  ASSERT_EQ(report.failures.size(), 1u);
  EXPECT_NE(report.failures[0].find(relu_name("wrong")), std::string::npos);
  EXPECT_FALSE(table.find(key, relu_name("wrong")));
  EXPECT_DOUBLE_EQ(decision.cost_us, 100);
}

TEST_F(ProfilingUndecided, WhatTheStoreKnowsIsNotMeasuredAgain) {
  add("fast", 100);
  predict("reference", 400);
  predict("fast", 100);
  run();
  const ProfileReport again = run();
  EXPECT_EQ(again.measured, 0u);
  EXPECT_EQ(again.from_store, 1u);
  EXPECT_EQ(decision.known, 1u);
  EXPECT_EQ(decision.asked, 0u);
  EXPECT_DOUBLE_EQ(decision.cost_us, 100);
}

TEST_F(ProfilingUndecided, StoppedItSaysSo) {
  predict("reference", 400);
  options.stop = [] { return true; };
  const ProfileReport report = run();
  EXPECT_FALSE(report.complete);
  EXPECT_FALSE(decision.decided);
  EXPECT_TRUE(pretence.runs.empty());
}

}  // namespace
}  // namespace raceline
