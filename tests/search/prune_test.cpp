#include "raceline/search/prune.h"

#include <gtest/gtest.h>

#include "raceline/search/restrict.h"
#include "raceline/search/strategies/elimination.h"
#include "random_problem.h"
#include "synthetic_nets.h"

namespace raceline {
namespace {

using test::BruteForce;
using test::random_problem;

RestrictedProblem pruned(const SelectionProblem& problem) {
  const auto kept = worthwhile_choices(problem);
  return restrict_choices(problem, [&](int layer, int index) {
    const auto& of_layer = kept[static_cast<size_t>(layer)];
    return std::ranges::binary_search(of_layer, index);
  });
}

TEST(Prune, KeepsTheOptimum) {
  int dropped = 0, by_detour = 0, feasible = 0;
  for (uint64_t seed = 1; seed <= 3000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    // Half of the problems have many conversions, so that detours pay.
    const bool dense = seed % 2 == 0;
    const SelectionProblem problem = random_problem(seed, {.layers = 5,
                                                           .choices = 4,
                                                           .interfaces = dense ? 3 : 4,
                                                           .conversions = dense ? 12 : 6,
                                                           .private_share = 0.06});
    const auto kept = worthwhile_choices(problem);
    for (size_t layer = 0; layer < kept.size(); ++layer) {
      const auto& choices = problem.layers[layer].choices;
      ASSERT_FALSE(kept[layer].empty());
      ASSERT_TRUE(std::ranges::is_sorted(kept[layer]));
      for (int index = 0; index < static_cast<int>(choices.size()); ++index) {
        if (std::ranges::binary_search(kept[layer], index)) continue;
        ++dropped;
        by_detour += std::ranges::none_of(kept[layer], [&](int other) {
          const Choice& a = choices[static_cast<size_t>(index)];
          const Choice& b = choices[static_cast<size_t>(other)];
          return a.inputs == b.inputs && a.outputs == b.outputs;
        });
      }
    }
    const double optimum = BruteForce(problem).optimum();
    feasible += optimum < impossible;
    ASSERT_EQ(BruteForce(pruned(problem).problem).optimum(), optimum);
  }
  EXPECT_GT(dropped, 1000);
  EXPECT_GT(by_detour, 300);
  EXPECT_GT(feasible, 1000);
}

/// A layer that takes and gives a or b, between an input that gives a and an output that wants a.
SelectionProblem detour(double direct_us, double other_us, double there_us, double back_us) {
  SelectionProblem problem;
  const int a = problem.intern("a"), b = problem.intern("b");
  problem.layers = {{"input", {{"", 0, {}, {a}}}},
                    {"layer", {{"direct", direct_us, {a}, {a}}, {"other", other_us, {b}, {b}}}},
                    {"output", {{"", 0, {a}, {}}}}};
  problem.tensors = {{{0, 0}, {{1, 0}}, {{a, b, there_us}, {b, a, 1000}}},
                     {{1, 0}, {{2, 0}}, {{b, a, back_us}, {a, b, 1000}}}};
  return problem;
}

TEST(Prune, DropsWhatCostsMoreThanAnotherWithConversionsAroundIt) {
  EXPECT_EQ(worthwhile_choices(detour(10, 4, 2, 3))[1], (std::vector<int>{1}));
  EXPECT_EQ(worthwhile_choices(detour(10, 4, 3, 3.5))[1], (std::vector<int>{0, 1}));
  EXPECT_EQ(worthwhile_choices(detour(10, 4, impossible, 0))[1], (std::vector<int>{0, 1}));
}

TEST(Prune, CountsConversionsOverSeveralSteps) {
  SelectionProblem problem = detour(10, 4, 5, 1);
  const int middle = problem.intern("middle");
  problem.tensors[0].conversions = {{0, middle, 1}, {middle, 1, 1}};
  EXPECT_EQ(worthwhile_choices(problem)[1], (std::vector<int>{1}));
}

TEST(Prune, WhatNobodyConsumesMakesNoDifference) {
  SelectionProblem problem = detour(10, 9, 0.5, 1000);
  EXPECT_EQ(worthwhile_choices(problem)[1].size(), 2u);
  problem.layers.pop_back();
  problem.tensors.pop_back();
  EXPECT_EQ(worthwhile_choices(problem)[1], (std::vector<int>{1}));
}

TEST(Prune, OfEqualChoicesTheFirstStays) {
  SelectionProblem problem = detour(7, 7, 0, 0);
  EXPECT_EQ(worthwhile_choices(problem)[1].size(), 2u) << "saving nothing is no reason";
  problem.layers[1].choices[1] = problem.layers[1].choices[0];
  EXPECT_EQ(worthwhile_choices(problem)[1], (std::vector<int>{0}));
}

TEST(Prune, NetsKeepTheirOptimum) {
  for (const uint64_t seed : {1, 2, 3}) {
    for (const test::Net& net : {test::googlenet_like(seed), test::ssd_like(seed), test::unet_like(seed)}) {
      const SelectionProblem problem = net.problem();
      const auto optimum = [&](Keep keep) {
        const FactorModel model = make_model(Compact(problem, keep), 4096);
        const EliminationOrder order = elimination_order(model);
        const auto elimination = Elimination::run(model, order, impossible, [] { return false; });
        EXPECT_TRUE(elimination->exact());
        return elimination->bound();
      };
      const double all = optimum(Keep::all);
      EXPECT_NEAR(optimum(Keep::worthwhile), all, 1e-9 * all);
      size_t before = 0, after = 0;
      for (const auto& layer : problem.layers) before += layer.choices.size();
      for (const auto& layer : worthwhile_choices(problem)) after += layer.size();
      EXPECT_LT(after, before / 2);
    }
  }
}

}  // namespace
}  // namespace raceline
