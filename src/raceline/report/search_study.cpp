#include "raceline/report/search_study.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "raceline/profile/store.h"
#include "raceline/search/restrict.h"

namespace raceline {
namespace {

struct Studied {
  const char* name;
  const char* strategy;
  bool draws;
  void (*set)(SearchOptions& options);
};

constexpr Studied studied[] = {
    {"q-learning", "q-learning", true, [](SearchOptions&) {}},
    {"q-learning, unpruned", "q-learning", true, [](SearchOptions& options) { options.unpruned = true; }},
    {"q-learning, single transitions", "q-learning", true,
     [](SearchOptions& options) { options.q.replay = QLearningOptions::Replay::transitions; }},
    {"q-learning+", "q-learning+", true, [](SearchOptions&) {}},
    {"annealing", "annealing", true, [](SearchOptions&) {}},
    {"coordinate-descent", "coordinate-descent", true, [](SearchOptions&) {}},
    {"random", "random", true, [](SearchOptions&) {}},
    {"greedy", "greedy", false, [](SearchOptions&) {}},
    {"best-single-library", "best-single-library", false, [](SearchOptions&) {}},
    {"exact", "exact", false, [](SearchOptions&) {}},
};

}  // namespace

double StrategyStudy::gap(double optimum_us) const {
  return optimum_us > 0 ? std::max(0.0, percentile(costs_us, 0.5) / optimum_us - 1) : 0;
}

std::vector<StrategyStudy> study_strategies(const SelectionProblem& problem, int seeds, int64_t episodes) {
  std::vector<StrategyStudy> studies;
  for (const Studied& each : studied) {
    StrategyStudy study{.name = each.name};
    SearchOptions options{.episodes = episodes};
    each.set(options);
    std::vector<double> seconds;
    for (int seed = 1; seed <= (each.draws ? seeds : 1); ++seed) {
      options.seed = static_cast<uint64_t>(seed);
      const SearchAnswer answer = make_strategy(each.strategy)->search(problem, options);
      study.costs_us.push_back(answer.cost_us);
      seconds.push_back(answer.seconds);
    }
    study.seconds = percentile(seconds, 0.5);
    studies.push_back(std::move(study));
  }
  return studies;
}

double BudgetPoint::mean_us() const {
  return std::accumulate(costs_us.begin(), costs_us.end(), 0.0) / static_cast<double>(costs_us.size());
}

double BudgetPoint::least_us() const {
  return *std::ranges::min_element(costs_us);
}

double BudgetPoint::most_us() const {
  return *std::ranges::max_element(costs_us);
}

std::vector<BudgetPoint> study_budgets(const SelectionProblem& problem, const std::string& strategy,
                                       SearchOptions options, std::span<const int64_t> budgets, int seeds) {
  std::vector<BudgetPoint> points;
  for (const int64_t budget : budgets) {
    BudgetPoint point{.episodes = budget};
    options.episodes = budget;
    for (int seed = 1; seed <= seeds; ++seed) {
      options.seed = static_cast<uint64_t>(seed);
      point.costs_us.push_back(make_strategy(strategy)->search(problem, options).cost_us);
    }
    points.push_back(std::move(point));
  }
  return points;
}

DesignSpace design_space(const SelectionProblem& problem) {
  DesignSpace space;
  for (const ProblemLayer& layer : problem.layers) {
    const auto runs = [](const Choice& choice) { return !library_of(choice.primitive).empty(); };
    if (std::ranges::none_of(layer.choices, runs)) continue;
    ++space.layers;
    space.most_choices = std::max(space.most_choices, layer.choices.size());
    space.log10_size += std::log10(static_cast<double>(layer.choices.size()));
  }
  if (space.most_choices > 0)
    space.log10_bound =
        static_cast<double>(space.layers) * std::log10(static_cast<double>(space.most_choices));
  return space;
}

}  // namespace raceline
