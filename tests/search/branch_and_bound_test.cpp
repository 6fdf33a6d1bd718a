// The parts of the exact strategy by themselves, without the local search that often hides what they miss.
#include "raceline/search/strategies/branch_and_bound.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/search/strategies/exact.h"
#include "random_problem.h"
#include "synthetic_nets.h"

namespace raceline {
namespace {

using test::BruteForce;
using test::random_problem;

const auto never = [] { return false; };

/// Branch and bound from nothing, below bounds from tables of at most so many entries.
BoundedAnswer from_nothing(Compact& compact, size_t copy_states, double cells,
                           const std::function<bool()>& stop = never) {
  FactorModel model = make_model(compact, copy_states);
  const EliminationOrder order = elimination_order(model);
  const auto elimination = Elimination::run(std::move(model), order, cells, never);
  EXPECT_TRUE(elimination.has_value());
  return branch_and_bound(compact, *elimination, {}, stop);
}

TEST(BranchAndBound, FindsTheOptimumFromNothing) {
  int solved = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    const SelectionProblem problem = random_problem(
        seed, {.layers = 7, .choices = 3, .interfaces = 5, .outputs = 1, .private_share = 0.04});
    const double optimum = BruteForce(problem).optimum();
    if (optimum == impossible) continue;
    ++solved;
    Compact compact(problem, Keep::worthwhile);
    for (const size_t copy_states : {size_t{1}, size_t{4096}}) {
      for (const double cells : {0.0, 4.0, 30.0}) {
        const BoundedAnswer answer = from_nothing(compact, copy_states, cells);
        ASSERT_TRUE(answer.complete);
        ASSERT_EQ(answer.cost_us, optimum)
            << "seed " << seed << ", states " << copy_states << ", cells " << cells;
        ASSERT_EQ(answer.lower_bound_us, optimum);
      }
    }
  }
  EXPECT_GT(solved, 300);
}

TEST(BranchAndBound, ClosesTheGapOnANet) {
  int open = 0;
  for (const uint64_t seed : {1, 2, 3, 5, 11, 12, 13, 14, 15, 16}) {
    const SelectionProblem problem = test::unet_like(seed).problem();
    const SearchAnswer exact = search_exact(problem, {});
    Compact compact(problem, Keep::worthwhile);
    FactorModel model = make_model(compact, 4096);
    const EliminationOrder order = elimination_order(model);
    const auto elimination = Elimination::run(std::move(model), order, 100, never);
    open += elimination->bound() < 0.999 * exact.cost_us ? 1 : 0;
    const BoundedAnswer answer = branch_and_bound(compact, *elimination, {}, never);
    EXPECT_TRUE(answer.complete);
    EXPECT_NEAR(answer.cost_us, exact.cost_us, 1e-9 * exact.cost_us) << "seed " << seed;
    EXPECT_LT(answer.nodes, 1'000'000) << "seed " << seed;
  }
  EXPECT_GE(open, 3) << "too little to close";
}

TEST(BranchAndBound, BoundsOfSplitTablesAreNeverAboveTheOptimum) {
  for (uint64_t seed = 2000; seed < 2600; ++seed) {
    const SelectionProblem problem =
        random_problem(seed, {.layers = 7, .interfaces = 5, .outputs = 1, .private_share = 0.04});
    const double optimum = BruteForce(problem).optimum();
    if (optimum == impossible) continue;
    const Compact compact(problem, Keep::worthwhile);
    for (const size_t copy_states : {size_t{1}, size_t{4}, size_t{4096}}) {
      for (const double cells : {0.0, 4.0, 30.0, 1e6}) {
        FactorModel model = make_model(compact, copy_states);
        const bool relaxed = model.relaxed;
        const EliminationOrder order = elimination_order(model);
        const auto elimination = Elimination::run(std::move(model), order, cells, never);
        // Means of three or more are not exact in binary.
        ASSERT_LE(elimination->bound(), optimum * (1 + 1e-12)) << "seed " << seed;
        if (elimination->exact() && !relaxed) {
          ASSERT_EQ(elimination->bound(), optimum) << "seed " << seed;
        }
      }
    }
  }
}

TEST(BranchAndBound, StoppedItStillStatesAValidBound) {
  int gaps = 0;
  for (uint64_t seed = 1; seed <= 5; ++seed) {
    const SelectionProblem problem = test::ssd_like(seed).problem();
    const SearchAnswer exact = search_exact(problem, {});
    ASSERT_TRUE(exact.optimal);
    Compact compact(problem, Keep::worthwhile);
    for (const int64_t checks : {1, 20}) {
      int64_t left = checks;
      const BoundedAnswer answer = from_nothing(compact, 4096, 30, [&] { return --left <= 0; });
      EXPECT_LE(answer.lower_bound_us, exact.cost_us * (1 + 1e-9)) << seed;
      EXPECT_GE(answer.cost_us, exact.cost_us * (1 - 1e-9)) << seed;
      EXPECT_GT(answer.lower_bound_us, 0);
      gaps += !answer.complete && answer.cost_us > exact.cost_us * (1 + 1e-9) ? 1 : 0;
    }
  }
  EXPECT_GT(gaps, 0);
}

/// One tensor, three layouts, many consumers that may each want a copy of their own: more sets may be wanted
/// than layouts can be made, so the variable of the tensor counts the copies made.
SelectionProblem star(uint64_t seed) {
  Random random(seed);
  SelectionProblem problem;
  for (int i = 0; i < 3; ++i) problem.intern("layout" + std::to_string(i));
  const int hidden = problem.intern("layout0+deferred");
  problem.layers = {{"source", {}}};
  for (int from = 0; from < 4; ++from) {
    problem.layers[0].choices.push_back({"", 0.25 * random.below(60), {}, {from}});
  }
  problem.tensors = {{{0, 0}, {}, {}}};
  ProblemTensor& tensor = problem.tensors[0];
  for (int from = 0; from < 3; ++from) {
    for (int to = 0; to < 3; ++to) {
      if (from != to && random.below(4) > 0)
        tensor.conversions.push_back({from, to, 0.25 * random.below(20)});
    }
  }
  const int shared = problem.intern("layout0>shared");
  tensor.conversions.push_back({static_cast<int>(random.below(3)), shared, 0.25 * random.below(20)});
  for (int consumer = 1; consumer <= 4; ++consumer) {
    const int own = problem.intern("layout0>own" + std::to_string(consumer));
    tensor.conversions.push_back({static_cast<int>(random.below(3)), own, 0.25 * random.below(20)});
    const int wanted[] = {own, static_cast<int>(random.below(3)), random.below(3) == 0 ? shared : hidden};
    ProblemLayer layer{"consumer", {}};
    for (const int interface : wanted)
      layer.choices.push_back({"", 0.25 * random.below(60), {interface}, {}});
    problem.layers.push_back(std::move(layer));
    tensor.consumers.push_back({consumer, 0});
  }
  return problem;
}

TEST(CopyStates, EqualTryingEverythingWhereConsumersWantCopiesOfTheirOwn) {
  int solved = 0;
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    const SelectionProblem problem = star(seed);
    ASSERT_NO_THROW(problem.validate());
    const double optimum = BruteForce(problem).optimum();
    if (optimum == impossible) continue;
    ++solved;
    const Compact compact(problem, Keep::worthwhile);
    FactorModel model = make_model(compact, 4096);
    ASSERT_FALSE(model.relaxed);
    // Sets of four copies, and the producer's private interface; far fewer than the sets that may be wanted.
    EXPECT_LE(model.sizes.back(), 17);
    const EliminationOrder order = elimination_order(model);
    const auto elimination = Elimination::run(std::move(model), order, impossible, never);
    ASSERT_TRUE(elimination->exact());
    ASSERT_EQ(elimination->bound(), optimum) << "seed " << seed;
    EXPECT_EQ(search_exact(problem, {}).cost_us, optimum) << "seed " << seed;
  }
  EXPECT_GT(solved, 30);
}

}  // namespace
}  // namespace raceline
