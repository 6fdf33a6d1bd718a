// Problems of the size and shape of real networks. Work is counted, not timed.
#include <gtest/gtest.h>

#include "raceline/search/strategies/exact.h"
#include "synthetic_nets.h"

namespace raceline {
namespace {

constexpr int64_t most_work = 20'000'000;  // well below a tenth of a second

void solve_by_elimination(const test::Net& net, size_t least_layers) {
  const SelectionProblem problem = net.problem();
  ASSERT_NO_THROW(problem.validate());
  ASSERT_GE(problem.layers.size(), least_layers);
  const SearchAnswer exact = search_exact(problem, {});
  EXPECT_TRUE(exact.optimal);
  EXPECT_LT(exact.evaluations, most_work);
  EXPECT_EQ(evaluate(problem, exact.choice).cost_us, exact.cost_us);
  ::testing::Test::RecordProperty("evaluations", std::to_string(exact.evaluations));
  for (const std::string_view name : {"greedy", "coordinate-descent", "random", "best-single-library"}) {
    const SearchAnswer other = make_strategy(name)->search(problem, {.episodes = 2000});
    EXPECT_GE(other.cost_us, exact.cost_us) << name;
    EXPECT_EQ(evaluate(problem, other.choice).cost_us, other.cost_us) << name;
  }
}

TEST(Nets, ChainOf200) {
  solve_by_elimination(test::chain_like(1, 200), 200);
}
TEST(Nets, GoogLeNet) {
  solve_by_elimination(test::googlenet_like(2), 100);
}
TEST(Nets, ResNet) {
  solve_by_elimination(test::resnet_like(3), 100);
}
TEST(Nets, UNet) {
  solve_by_elimination(test::unet_like(4), 50);
}
TEST(Nets, Ssd) {
  solve_by_elimination(test::ssd_like(5), 80);
}

TEST(Nets, BranchAndBoundFindsTheSameOptimum) {
  // Tables of at most 100 entries make the bounds loose; the search must make up for it.
  for (const uint64_t seed : {1, 3, 11}) {
    const SelectionProblem problem = test::unet_like(seed).problem();
    const SearchAnswer exact = search_exact(problem, {});
    const SearchAnswer bounded = search_exact(problem, {}, {.cells = 1e5, .split_cells = 100});
    EXPECT_TRUE(bounded.optimal) << seed;
    EXPECT_NEAR(bounded.cost_us, exact.cost_us, 1e-9 * exact.cost_us) << seed;
  }
}

TEST(Nets, WideNetsGetABoundAndAGap) {
  const SelectionProblem problem = test::densenet_like(6, 2, 12).problem();
  const SearchAnswer answer = search_exact(problem, {.seconds = 0.5});
  EXPECT_GT(answer.lower_bound_us, 0);
  EXPECT_LE(answer.lower_bound_us, answer.cost_us);
  EXPECT_EQ(evaluate(problem, answer.choice).cost_us, answer.cost_us);
  for (const std::string_view name : {"greedy", "coordinate-descent", "random"}) {
    const SearchAnswer other = make_strategy(name)->search(problem, {.episodes = 5000});
    EXPECT_GE(other.cost_us, answer.lower_bound_us) << name;
  }
}

}  // namespace
}  // namespace raceline
