#include "raceline/search/strategies/exact.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "random_problem.h"

namespace raceline {
namespace {

using test::BruteForce;
using test::ProblemShape;
using test::random_problem;

struct Count {
  int solved = 0, infeasible = 0;
};

/// Solves the problem of the seed both ways. Costs are multiples of 1/4, so equal means equal.
void compare_with_everything(uint64_t seed, const ProblemShape& shape, const ExactLimits& limits,
                             Count& count) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  const SelectionProblem problem = random_problem(seed, shape);
  ASSERT_NO_THROW(problem.validate());
  BruteForce brute(problem);
  const double optimum = brute.optimum();
  if (optimum == impossible) {
    ++count.infeasible;
    EXPECT_THROW(search_exact(problem, {}, limits), UnsupportedError);
    return;
  }
  ++count.solved;
  const SearchAnswer answer = search_exact(problem, {}, limits);
  const double rounding = shape.whole_costs ? 0 : 1e-9 * (1 + optimum);
  EXPECT_NEAR(answer.cost_us, optimum, rounding);
  EXPECT_NEAR(brute.cost(answer.choice), answer.cost_us, rounding);
  EXPECT_EQ(evaluate(problem, answer.choice).cost_us, answer.cost_us);
  EXPECT_TRUE(answer.optimal);
  EXPECT_EQ(answer.lower_bound_us, answer.cost_us);
}

void compare_many(uint64_t first, int count, const ProblemShape& shape, const ExactLimits& limits) {
  Count seen;
  for (uint64_t seed = first; seed < first + static_cast<uint64_t>(count); ++seed) {
    compare_with_everything(seed, shape, limits, seen);
    if (::testing::Test::HasFailure()) return;
  }
  // The random problems are of both kinds, or the test tests nothing.
  EXPECT_GT(seen.solved, count / 20);
  EXPECT_GT(seen.infeasible, count / 20);
}

TEST(Exact, EqualsTryingEverything) {
  compare_many(1, 3000, {}, {});
}

TEST(Exact, EqualsTryingEverythingWithFractionalCosts) {
  compare_many(100'000, 1000, {.private_share = 0.05, .whole_costs = false}, {});
}

TEST(Exact, EqualsTryingEverythingOnManyInterfaces) {
  compare_many(200'000, 1000,
               {.layers = 5, .choices = 4, .interfaces = 6, .conversions = 11, .private_share = 0.05}, {});
}

TEST(Exact, EqualsTryingEverythingOnLongerNets) {
  compare_many(300'000, 300, {.layers = 9, .choices = 3, .outputs = 1, .private_share = 0.03}, {});
}

TEST(Exact, BranchAndBoundEqualsTryingEverything) {
  compare_many(400'000, 2000, {}, {.cells = 0, .split_cells = 0});
}

TEST(Exact, BranchAndBoundBelowSomeSplitTablesEqualsTryingEverything) {
  compare_many(500'000, 1000, {.layers = 7, .private_share = 0.05}, {.cells = 60, .split_cells = 8});
}

TEST(Exact, RelaxedTensorsAreStillSolvedExactly) {
  compare_many(600'000, 1500, {.private_share = 0.08}, {.copy_states = 1});
}

TEST(Exact, FewCopyStatesAreStillSolvedExactly) {
  compare_many(700'000, 1000, {.interfaces = 5, .private_share = 0.05}, {.copy_states = 6});
}

TEST(Exact, StatesTheGapWhenTimeIsOver) {
  for (uint64_t seed = 800'000; seed < 800'200; ++seed) {
    const SelectionProblem problem = random_problem(seed, {.layers = 8, .outputs = 1, .private_share = 0});
    const double optimum = BruteForce(problem).optimum();
    if (optimum == impossible) continue;
    SCOPED_TRACE("seed " + std::to_string(seed));
    // Nothing is left of the time when branch and bound begins; small searches end before they ask.
    const SearchAnswer answer = search_exact(problem, {.seconds = 0}, {.cells = 0, .split_cells = 0});
    EXPECT_GE(answer.cost_us, optimum);
    EXPECT_LE(answer.lower_bound_us, optimum);
    EXPECT_EQ(evaluate(problem, answer.choice).cost_us, answer.cost_us);
  }
}

TEST(Exact, TheSameProblemGivesTheSameAnswer) {
  for (uint64_t seed = 900'000; seed < 900'050; ++seed) {
    const SelectionProblem problem = random_problem(seed, {.private_share = 0});
    if (BruteForce(problem).optimum() == impossible) continue;
    const SearchAnswer once = search_exact(problem, {});
    const SearchAnswer again = search_exact(problem, {});
    EXPECT_EQ(once.choice, again.choice) << seed;
    EXPECT_EQ(once.evaluations, again.evaluations) << seed;
  }
}

}  // namespace
}  // namespace raceline
