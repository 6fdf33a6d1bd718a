// Strategies that learn, and what all sampling strategies tell of their way.
#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/search/strategies/schedule.h"
#include "raceline/search/strategies/walk.h"
#include "raceline/search/strategy.h"
#include "random_problem.h"
#include "synthetic_nets.h"

namespace raceline {
namespace {

using test::random_problem;

double gap(const SelectionProblem& problem, std::string_view strategy, const SearchOptions& options) {
  const double optimum = make_strategy("exact")->search(problem, {}).cost_us;
  return make_strategy(strategy)->search(problem, options).cost_us / optimum - 1;
}

/// The median gap of five seeds.
double median_gap(const SelectionProblem& problem, std::string_view strategy, SearchOptions options = {}) {
  std::vector<double> gaps;
  for (options.seed = 1; options.seed <= 5; ++options.seed) gaps.push_back(gap(problem, strategy, options));
  std::ranges::sort(gaps);
  return gaps[2];
}

TEST(Learning, StepsSumToTheObjective) {
  int walked = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    const SelectionProblem problem = random_problem(seed, {.layers = 7, .choices = 4, .private_share = 0.02});
    SearchAnswer answer;
    try {
      answer = make_strategy("random")->search(problem, {.seed = seed, .episodes = 1});
    } catch (const UnsupportedError&) {
      continue;
    }
    ++walked;
    Compact compact(problem, Keep::all);
    std::vector<int> values;
    for (int layer = 0; layer < compact.layers(); ++layer) {
      const auto domain = compact.domain(layer);
      values.push_back(static_cast<int>(std::ranges::find(domain, answer.choice[static_cast<size_t>(layer)]) -
                                        domain.begin()));
    }
    Walk walk(compact, false), each_edge(compact, true);
    double sum = 0, of_edges = 0;
    for (size_t place = 0; place < values.size(); ++place) {
      sum += walk.step_us(place, values);
      of_edges += each_edge.step_us(place, values);
    }
    EXPECT_NEAR(sum, answer.cost_us, 1e-9) << "seed " << seed;
    EXPECT_GE(of_edges, sum - 1e-9) << "seed " << seed;
  }
  EXPECT_GT(walked, 100);
}

TEST(Learning, ScheduleIsThePapersAtEveryLength) {
  for (const int64_t episodes : {20, 100, 1000, 123'460}) {
    std::map<int, int64_t> counts;  // by tenths of epsilon
    double last = 1;
    for (int64_t episode = 0; episode < episodes; ++episode) {
      const double epsilon = qs_dnn_epsilon(episode, episodes);
      EXPECT_LE(epsilon, last);
      last = epsilon;
      ++counts[static_cast<int>(std::lround(epsilon * 10))];
    }
    EXPECT_EQ(counts[10], episodes / 2);
    for (int tenth = 0; tenth < 10; ++tenth) EXPECT_EQ(counts[tenth], episodes / 20) << tenth;
  }
  EXPECT_EQ(qs_dnn_epsilon(0, 1), 1);
}

TEST(Learning, QLearningComesWithinThreePercentOnChains) {
  for (const uint64_t seed : {1, 2, 3}) {
    EXPECT_LE(median_gap(test::chain_like(seed, 40).problem(), "q-learning"), 0.03) << seed;
  }
}

TEST(Learning, QLearningPlusComesWithinTwoPercentOnChains) {
  for (const uint64_t seed : {1, 2, 3}) {
    EXPECT_LE(median_gap(test::chain_like(seed, 40).problem(), "q-learning+"), 0.02) << seed;
  }
}

TEST(Learning, EveryVariantLearns) {
  const SelectionProblem problem = test::chain_like(4, 30).problem();
  const double random = gap(problem, "random", {});
  const auto with = [](auto change) {
    SearchOptions options;
    change(options);
    return options;
  };
  using Replay = QLearningOptions::Replay;
  EXPECT_LT(gap(problem, "q-learning", with([](auto& o) { o.unpruned = true; })), random / 2);
  EXPECT_LT(gap(problem, "q-learning", with([](auto& o) { o.q.replay = Replay::transitions; })), random / 2);
  EXPECT_LT(gap(problem, "q-learning", with([](auto& o) { o.q.whole_reward = true; })), random);
  EXPECT_LT(gap(problem, "q-learning", with([](auto& o) { o.q.per_edge = true; })), random / 2);
  EXPECT_LT(gap(problem, "q-learning", with([](auto& o) { o.q.zero_start = true; })), random / 2);
  EXPECT_LT(gap(problem, "annealing", {}), random / 2);
}

TEST(Learning, EachOptionChangesWhatIsLearned) {
  const SelectionProblem problem = test::unet_like(4).problem();
  const auto curve = [&](auto change) {
    SearchOptions options{.episodes = 200};
    change(options);
    return make_strategy("q-learning")->search(problem, options).curve;
  };
  using Replay = QLearningOptions::Replay;
  const auto usual = curve([](auto&) {});
  EXPECT_EQ(usual, curve([](auto&) {}));
  EXPECT_NE(usual, curve([](auto& o) { o.seed = 2; }));
  EXPECT_NE(usual, curve([](auto& o) { o.unpruned = true; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.replay = Replay::transitions; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.whole_reward = true; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.per_edge = true; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.zero_start = true; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.buffer = 2; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.step_size = 0.5; }));
  EXPECT_NE(usual, curve([](auto& o) { o.q.discount = 0.1; }));
}

TEST(Learning, CurvesTellEveryEpisodeAndEndAtTheAnswer) {
  const SelectionProblem problem = test::googlenet_like(5).problem();
  for (const std::string_view name :
       {"q-learning", "q-learning+", "random", "annealing", "coordinate-descent"}) {
    SCOPED_TRACE(name);
    const SearchAnswer answer = make_strategy(name)->search(problem, {.episodes = 300});
    ASSERT_FALSE(answer.curve.empty());
    const bool every = name.starts_with("q-") || name == "random";
    if (every) {
      EXPECT_EQ(answer.curve.size(), 300u);
    }
    double best = impossible;
    int64_t last = 0;
    for (const CurvePoint& point : answer.curve) {
      EXPECT_GT(point.evaluations, last);
      last = point.evaluations;
      best = std::min(best, point.cost_us);
      EXPECT_EQ(point.best_us, best);
    }
    EXPECT_EQ(last, answer.evaluations);
    EXPECT_NEAR(best, answer.cost_us, 1e-9 * best);
    EXPECT_EQ(answer.learned_choice.empty(), !name.starts_with("q-"));
    if (answer.learned_choice.empty()) continue;
    EXPECT_EQ(answer.learned_us, evaluate(problem, answer.learned_choice).cost_us);
  }
  EXPECT_TRUE(make_strategy("exact")->search(problem, {}).curve.empty());
}

TEST(Learning, TheGreedyPathOfAChainFollowsTheRewards) {
  // Two layers whose cheapest choices meet at a costly conversion: figure 1 of the paper.
  SelectionProblem problem;
  const int a = problem.intern("a"), b = problem.intern("b");
  problem.layers = {{"first", {{"fast", 1, {}, {a}}, {"slow", 2, {}, {b}}}},
                    {"second", {{"fast", 1, {b}, {}}, {"slow", 9, {a}, {}}}}};
  problem.tensors = {{{0, 0}, {{1, 0}}, {{a, b, 20}, {b, a, 20}}}};
  for (const std::string_view name : {"q-learning", "q-learning+"}) {
    const SearchAnswer answer = make_strategy(name)->search(problem, {.episodes = 100});
    EXPECT_EQ(answer.learned_choice, (std::vector<int>{1, 0})) << name;
    EXPECT_EQ(answer.cost_us, 3) << name;
  }
}

}  // namespace
}  // namespace raceline
