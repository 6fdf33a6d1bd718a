#include "raceline/search/memory_limit.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/search/random_problem.h"

namespace raceline {
namespace {

/// A random problem whose choices weigh and work.
SelectionProblem heavy_problem(uint64_t seed) {
  test::ProblemShape shape;
  shape.private_share = 0.05;
  SelectionProblem problem = test::random_problem(seed, shape);
  Random random(seed + 1'000'000);
  for (ProblemLayer& layer : problem.layers) {
    for (Choice& choice : layer.choices) {
      choice.weights_bytes = random.below(3) == 0 ? 0 : random.below(100);
      choice.workspace_bytes = random.below(2) == 0 ? 0 : random.below(200);
    }
  }
  return problem;
}

int64_t memory_of(const SelectionProblem& problem, const std::vector<int>& choice) {
  int64_t weights = 0, working = 0;
  for (size_t layer = 0; layer < choice.size(); ++layer) {
    const Choice& chosen = problem.layers[layer].choices[static_cast<size_t>(choice[layer])];
    weights += chosen.weights_bytes;
    working = std::max(working, chosen.workspace_bytes);
  }
  return weights + working;
}

struct Enumerated {
  std::vector<std::pair<int64_t, double>> feasible;  // memory, time
  double fastest_within(int64_t limit) const {
    double best = impossible;
    for (const auto& [bytes, us] : feasible) best = bytes <= limit ? std::min(best, us) : best;
    return best;
  }
  int64_t least() const { return std::ranges::min_element(feasible)->first; }
};

/// `more`: bytes on top of what the problem says.
Enumerated enumerate(const SelectionProblem& problem,
                     const std::function<int64_t(std::span<const int>)>& more = {}) {
  test::BruteForce brute(problem);
  Enumerated all;
  std::vector<int> choice(problem.layers.size());
  for (;;) {
    const double us = brute.cost(choice);
    if (us < impossible)
      all.feasible.emplace_back(memory_of(problem, choice) + (more ? more(choice) : 0), us);
    size_t layer = 0;
    while (layer < choice.size() && ++choice[layer] == static_cast<int>(problem.layers[layer].choices.size()))
      choice[layer++] = 0;
    if (layer == choice.size()) return all;
  }
}

TEST(MemoryLimit, every_limit_gives_what_enumeration_gives) {
  int limits = 0, refused = 0;
  for (uint64_t seed = 1; seed <= 500; ++seed) {
    SCOPED_TRACE(seed);
    const SelectionProblem problem = heavy_problem(seed);
    const Enumerated all = enumerate(problem);
    if (all.feasible.empty()) continue;
    const MemoryModel model;
    MemoryLimits search(problem, model, {.seconds = 60});
    std::set<int64_t> tried;
    for (const auto& [bytes, us] : all.feasible) tried.insert({bytes - 1, bytes});
    // At most a dozen limits a problem, the tightest among them.
    int64_t every = std::max<int64_t>(1, static_cast<int64_t>(tried.size()) / 12), at = 0;
    for (const int64_t limit : tried) {
      if (at++ % every != 0) continue;
      const double wanted = all.fastest_within(limit);
      ++limits;
      if (wanted == impossible) {
        ++refused;
        EXPECT_THROW(search.within(limit), UnsupportedError);
        continue;
      }
      const LimitedAnswer found = search.within(limit);
      EXPECT_TRUE(found.answer.optimal);
      EXPECT_DOUBLE_EQ(found.answer.cost_us, wanted) << "limit " << limit;
      EXPECT_DOUBLE_EQ(found.answer.lower_bound_us, wanted);
      EXPECT_LE(found.memory_bytes, limit);
      EXPECT_EQ(found.memory_bytes, memory_of(problem, found.answer.choice));
    }
  }
  EXPECT_GT(limits, 500);
  EXPECT_GT(refused, 50);
}

TEST(MemoryLimit, memory_that_only_the_whole_choice_shows_counts) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    const SelectionProblem problem = heavy_problem(seed);
    // As an arena: more than the layers show, by how they follow on each other.
    const auto more = [](std::span<const int> choice) {
      int64_t bytes = 0;
      for (size_t layer = 1; layer < choice.size(); ++layer)
        bytes += choice[layer] == choice[layer - 1] ? 25 : 0;
      return bytes;
    };
    const Enumerated all = enumerate(problem, more);
    if (all.feasible.empty()) continue;
    const MemoryModel model{.working_bytes = {}, .total_bytes = [&](std::span<const int> choice) {
                              return memory_of(problem, {choice.begin(), choice.end()}) + more(choice);
                            }};
    MemoryLimits search(problem, model, {.seconds = 60});
    const LimitedAnswer free = search.within(1'000'000);
    const LeastMemory least = search.least();
    EXPECT_EQ(least.memory_bytes, all.least());
    EXPECT_EQ(least.lower_bound_bytes, all.least());
    for (const int64_t limit : {free.memory_bytes - 1, (free.memory_bytes + all.least()) / 2, all.least()}) {
      const double wanted = all.fastest_within(limit);
      if (wanted == impossible) {
        EXPECT_THROW(search.within(limit), UnsupportedError);
        continue;
      }
      const LimitedAnswer found = search.within(limit);
      EXPECT_TRUE(found.answer.optimal);
      EXPECT_DOUBLE_EQ(found.answer.cost_us, wanted) << "limit " << limit;
    }
  }
}

TEST(MemoryLimit, the_least_memory_is_that_of_enumeration_and_a_refusal_names_it) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    const SelectionProblem problem = heavy_problem(seed);
    const Enumerated all = enumerate(problem);
    if (all.feasible.empty()) continue;
    const MemoryModel model;
    MemoryLimits search(problem, model, {.seconds = 60});
    const LeastMemory least = search.least();
    EXPECT_EQ(least.memory_bytes, all.least());
    EXPECT_EQ(least.lower_bound_bytes, all.least());
    EXPECT_EQ(memory_of(problem, least.choice), all.least());
    try {
      search.within(all.least() - 1);
      FAIL() << "nothing fits";
    } catch (const UnsupportedError& error) {
      EXPECT_NE(std::string(error.what()).find("(" + std::to_string(all.least()) + " bytes)"),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(MemoryLimit, a_bound_without_time_is_still_a_bound) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE(seed);
    const SelectionProblem problem = heavy_problem(seed);
    const Enumerated all = enumerate(problem);
    if (all.feasible.empty()) continue;
    const MemoryModel model;
    MemoryLimits search(problem, model, {.seconds = 0});
    const int64_t limit = all.least() + 20;
    try {
      const LimitedAnswer found = search.within(limit);
      const double wanted = all.fastest_within(limit);
      EXPECT_LE(found.answer.lower_bound_us, wanted * (1 + 1e-9));
      EXPECT_GE(found.answer.cost_us, wanted * (1 - 1e-9));
      EXPECT_TRUE(!found.answer.optimal || found.answer.cost_us <= wanted * (1 + 1e-9));
    } catch (const UnsupportedError& error) {
      EXPECT_NE(std::string(error.what()).find("in the time given"), std::string::npos) << error.what();
    }
  }
}

TEST(MemoryLimit, the_curve_falls_in_memory_as_it_rises_in_time) {
  int points = 0;
  for (uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    const SelectionProblem problem = heavy_problem(seed);
    const Enumerated all = enumerate(problem);
    if (all.feasible.empty()) continue;
    const MemoryModel model;
    MemoryLimits search(problem, model, {.seconds = 60});
    const std::vector<LimitedAnswer> curve = search.pareto(10);
    EXPECT_DOUBLE_EQ(curve.front().answer.cost_us, all.fastest_within(1'000'000));
    EXPECT_EQ(curve.back().memory_bytes, all.least());
    for (size_t point = 1; point < curve.size(); ++point) {
      ++points;
      EXPECT_LT(curve[point].memory_bytes, curve[point - 1].memory_bytes);
      EXPECT_GT(curve[point].answer.cost_us, curve[point - 1].answer.cost_us);
      EXPECT_DOUBLE_EQ(curve[point].answer.cost_us, all.fastest_within(curve[point].memory_bytes));
    }
  }
  EXPECT_GT(points, 50);
}

}  // namespace
}  // namespace raceline
