#include "raceline/search/conversions.h"

#include <set>

#include <gtest/gtest.h>

#include "random_problem.h"

namespace raceline {
namespace {

/// The conversions can be made in their order, make each copy once, serve everybody, and cost what is said.
void expect_valid(const ProblemTensor& tensor, int from, const std::set<int>& wanted,
                  const TensorCost& answer) {
  std::set<int> there{from};
  double sum = 0;
  for (const Conversion& conversion : answer.conversions) {
    EXPECT_TRUE(there.contains(conversion.from));
    EXPECT_TRUE(there.insert(conversion.to).second) << "made twice";
    EXPECT_NE(std::ranges::find(tensor.conversions, conversion), tensor.conversions.end());
    sum += conversion.cost_us;
  }
  EXPECT_TRUE(std::ranges::includes(there, wanted));
  EXPECT_DOUBLE_EQ(sum, answer.cost_us);
}

ProblemTensor random_tensor(Random& random, int interfaces, int hubs, int conversions, bool zeros) {
  ProblemTensor tensor;
  std::set<std::pair<int, int>> pairs;
  for (int i = 0; i < conversions; ++i) {
    const int from = static_cast<int>(random.below(hubs)), to = static_cast<int>(random.below(interfaces));
    if (from == to || !pairs.emplace(from, to).second) continue;
    tensor.conversions.push_back({from, to, zeros && random.below(3) == 0 ? 0.0 : 0.25 * random.below(40)});
  }
  return tensor;
}

TEST(Conversions, EqualTryingEverySubset) {
  Random random(1);
  int possible = 0;
  for (int round = 0; round < 3000; ++round) {
    SCOPED_TRACE(round);
    const ProblemTensor tensor = random_tensor(random, 6, static_cast<int>(1 + random.below(6)), 11, true);
    const int from = static_cast<int>(random.below(6));
    std::set<int> wanted;
    std::vector<int> list;  // with repetitions
    for (int64_t count = random.below(5); count > 0; --count) {
      list.push_back(static_cast<int>(random.below(6)));
      wanted.insert(list.back());
    }
    const TensorCost answer = cheapest_conversions(tensor, from, list);
    ASSERT_EQ(answer.cost_us, test::brute_conversions(tensor, from, wanted));
    if (answer.cost_us == impossible) continue;
    ++possible;
    expect_valid(tensor, from, wanted, answer);
  }
  EXPECT_GT(possible, 1000);
}

TEST(Conversions, BothMethodsAgreeOnLargerGraphs) {
  // Many terminals and few hubs are solved over sets of hubs; steiner_costs() always over sets of terminals.
  Random random(2);
  int by_hubs = 0;
  for (int round = 0; round < 200; ++round) {
    SCOPED_TRACE(round);
    const int hubs = static_cast<int>(2 + random.below(6));
    const ProblemTensor tensor = random_tensor(random, 16, hubs, 70, false);
    const ConversionGraph graph(tensor.conversions, {});
    std::vector<int> terminals;
    for (int vertex = 1; vertex < graph.size() && terminals.size() < 9; ++vertex) {
      if (random.below(4) > 0) terminals.push_back(vertex);
    }
    const std::vector<double> all = graph.steiner_costs(terminals);
    const size_t last = ((size_t{1} << terminals.size()) - 1) * static_cast<size_t>(graph.size());
    const TensorCost answer = graph.cheapest(0, terminals);
    ASSERT_DOUBLE_EQ(answer.cost_us, all[last]);
    by_hubs += terminals.size() > 6 && answer.cost_us < impossible ? 1 : 0;
  }
  EXPECT_GT(by_hubs, 20);
}

TEST(Conversions, PassThroughWhatNobodyAskedForAndShareIt) {
  // 0 -> 1 -> {2, 3} costs 5 + 1 + 1; direct ways cost 5 each.
  const ProblemTensor tensor{{}, {}, {{0, 1, 5}, {1, 2, 1}, {1, 3, 1}, {0, 2, 5}, {0, 3, 5}}};
  const std::vector<int> both{2, 3}, one{2};
  EXPECT_EQ(cheapest_conversions(tensor, 0, both).cost_us, 7);
  EXPECT_EQ(cheapest_conversions(tensor, 0, both).conversions.size(), 3u);
  EXPECT_EQ(cheapest_conversions(tensor, 0, one).cost_us, 5);
  EXPECT_EQ(cheapest_conversions(tensor, 0, one).conversions, (std::vector<Conversion>{{0, 2, 5}}));
}

TEST(Conversions, NothingIsPaidForWhatIsThere) {
  const ProblemTensor tensor{{}, {}, {{0, 1, 5}}};
  const std::vector<int> same{0, 0}, none, unknown{9};
  EXPECT_EQ(cheapest_conversions(tensor, 0, same).cost_us, 0);
  EXPECT_EQ(cheapest_conversions(tensor, 0, none).cost_us, 0);
  EXPECT_EQ(cheapest_conversions(tensor, 9, unknown).cost_us, 0);
  EXPECT_EQ(cheapest_conversions(tensor, 0, unknown).cost_us, impossible);
}

TEST(Conversions, ATieIsBrokenTheSameWayInAnyOrder) {
  ProblemTensor tensor{{}, {}, {{0, 1, 1}, {0, 2, 1}, {1, 3, 1}, {2, 3, 1}, {1, 4, 0}, {2, 4, 0}}};
  const std::vector<int> wanted{3, 4};
  const TensorCost first = cheapest_conversions(tensor, 0, wanted);
  Random random(3);
  for (int round = 0; round < 20; ++round) {
    random.shuffle(tensor.conversions);
    EXPECT_EQ(cheapest_conversions(tensor, 0, wanted).conversions, first.conversions);
  }
}

}  // namespace
}  // namespace raceline
