#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/search/restrict.h"
#include "raceline/search/strategy.h"
#include "random_problem.h"
#include "synthetic_nets.h"

namespace raceline {
namespace {

using test::BruteForce;
using test::random_problem;

TEST(Strategies, AnswersAreValidAndNeverBelowTheOptimum) {
  int solved = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    const SelectionProblem problem = random_problem(seed, {.layers = 6, .private_share = 0.08});
    BruteForce brute(problem);
    const double optimum = brute.optimum();
    for (const StrategyInfo& info : all_strategies()) {
      SCOPED_TRACE(std::string(info.name) + ", seed " + std::to_string(seed));
      const auto strategy = make_strategy(info.name);
      const SearchOptions options{.seed = seed, .episodes = 60};
      if (optimum == impossible) {
        EXPECT_THROW(strategy->search(problem, options), UnsupportedError);
        continue;
      }
      SearchAnswer answer;
      try {
        answer = strategy->search(problem, options);
      } catch (const UnsupportedError&) {
        // Staying in one library may be impossible where the problem is not.
        ASSERT_EQ(info.name, "best-single-library");
        continue;
      }
      ++solved;
      ASSERT_EQ(answer.choice.size(), problem.layers.size());
      for (size_t layer = 0; layer < answer.choice.size(); ++layer) {
        ASSERT_GE(answer.choice[layer], 0);
        ASSERT_LT(static_cast<size_t>(answer.choice[layer]), problem.layers[layer].choices.size());
      }
      EXPECT_EQ(answer.cost_us, evaluate(problem, answer.choice).cost_us);
      EXPECT_EQ(answer.cost_us, brute.cost(answer.choice));
      EXPECT_GE(answer.cost_us, optimum);
      EXPECT_LE(answer.lower_bound_us, optimum);
      EXPECT_GT(answer.evaluations, 0);
      const SearchAnswer again = strategy->search(problem, options);
      EXPECT_EQ(again.choice, answer.choice);
      EXPECT_EQ(again.note, answer.note);
      EXPECT_EQ(again.evaluations, answer.evaluations);
    }
  }
  EXPECT_GT(solved, 500);
}

/// A chain of three layers whose cheapest choices do not fit: the producer defers, nobody takes it up.
SelectionProblem deferring_chain() {
  SelectionProblem problem;
  const int plain = problem.intern("cpu:nchw");
  const int deferred = problem.intern("cpu:nchw+deferred.conv");
  problem.layers = {
      {"input", {{"", 0, {}, {plain}}}},
      {"conv",
       {{"deferred", 0, {plain}, {deferred}},
        {"conv2d.openblas.gemm", 10, {plain}, {plain}},
        {"conv2d.onednn.jit", 12, {plain}, {plain}}}},
      {"relu", {{"relu.native.simd", 1, {plain}, {plain}}, {"conv2d.onednn.jit", 12, {deferred}, {plain}}}}};
  problem.tensors = {{{0, 0}, {{1, 0}}, {}}, {{1, 0}, {{2, 0}}, {}}};
  return problem;
}

TEST(Strategies, GreedyTakesTheCheapestThatStillFits) {
  const SearchAnswer answer = make_strategy("greedy")->search(deferring_chain(), {});
  // Deferring is cheapest for the convolution, and leaves the fused choice to its follower.
  EXPECT_EQ(answer.choice, (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(answer.cost_us, 12);

  SelectionProblem without = deferring_chain();
  without.layers[2].choices.pop_back();
  EXPECT_EQ(make_strategy("greedy")->search(without, {}).choice, (std::vector<int>{0, 1, 0}));
}

TEST(Strategies, ASingleLibraryDoesNotReachIntoAnotherThroughFusion) {
  const SearchAnswer answer = make_strategy("best-single-library")->search(deferring_chain(), {});
  // onednn 12 (fused), openblas 10 + 1, native: the rest is free to be the fastest, 10 + 1.
  EXPECT_EQ(answer.cost_us, 11);
  SelectionProblem costly = deferring_chain();
  costly.layers[1].choices[1].cost_us = 30;
  costly.layers[2].choices[0].cost_us = 5;
  const SearchAnswer best = make_strategy("best-single-library")->search(costly, {});
  EXPECT_EQ(best.note, "onednn");
  EXPECT_EQ(best.choice, (std::vector<int>{0, 0, 1}));
  EXPECT_EQ(best.cost_us, 12);
}

TEST(Strategies, RandomFindsTheOptimumOfASmallProblemWithEnoughEpisodes) {
  const SearchAnswer answer =
      make_strategy("random")->search(deferring_chain(), {.seed = 3, .episodes = 200});
  EXPECT_EQ(answer.cost_us, 11);
  EXPECT_EQ(answer.evaluations, 200);
}

TEST(Strategies, SamplingKeepsToItsBudget) {
  const SelectionProblem problem = test::googlenet_like(7).problem();
  for (const std::string_view name :
       {"random", "coordinate-descent", "annealing", "q-learning", "q-learning+"}) {
    for (const int64_t episodes : {0, 1, 10, 500}) {
      const SearchAnswer answer = make_strategy(name)->search(problem, {.episodes = episodes});
      EXPECT_LE(answer.evaluations, std::max<int64_t>(episodes, 1)) << name;
    }
  }
}

TEST(Strategies, UnknownNamesAreRefusedWithTheKnownOnes) {
  try {
    make_strategy("anneal");
    FAIL();
  } catch (const UnsupportedError& error) {
    EXPECT_NE(std::string(error.what()).find("anneal"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("coordinate-descent"), std::string::npos);
  }
}

TEST(Strategies, InfeasibleProblemsNameTheLayers) {
  SelectionProblem problem = deferring_chain();
  problem.layers[1].choices = {{"deferred", 0, {0}, {1}}};
  problem.layers[2].choices.pop_back();
  for (const StrategyInfo& info : all_strategies()) {
    try {
      make_strategy(info.name)->search(problem, {});
      FAIL() << info.name;
    } catch (const UnsupportedError& error) {
      EXPECT_NE(std::string(error.what()).find("no feasible choice"), std::string::npos) << error.what();
      if (info.name == "best-single-library") continue;
      EXPECT_NE(std::string(error.what()).find("'relu'"), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find("tensors[1]"), std::string::npos) << error.what();
    }
  }
}

TEST(Restrict, AnswersExpandToTheFullProblem) {
  const SelectionProblem problem = deferring_chain();
  const RestrictedProblem restricted =
      restrict_choices(problem, [&](int layer, int index) { return layer != 1 || index == 2; });
  const SearchAnswer answer = make_strategy("exact")->search(restricted.problem, {});
  const std::vector<int> full = restricted.expand(answer.choice);
  EXPECT_EQ(full, (std::vector<int>{0, 2, 0}));
  EXPECT_EQ(evaluate(problem, full).cost_us, answer.cost_us);
  EXPECT_THROW(restrict_choices(problem, [](int layer, int) { return layer != 2; }), UnsupportedError);
}

TEST(Restrict, LibraryIsTheSecondPartOfAName) {
  EXPECT_EQ(library_of("conv2d.onednn.brgconv.nhwc@cpu"), "onednn");
  EXPECT_EQ(library_of("deferred"), "");
  EXPECT_EQ(library_of(""), "");
}

TEST(Strategies, AnEmptyProblemCostsNothing) {
  for (const StrategyInfo& info : all_strategies()) {
    EXPECT_EQ(make_strategy(info.name)->search({}, {}).cost_us, 0) << info.name;
  }
}

}  // namespace
}  // namespace raceline
