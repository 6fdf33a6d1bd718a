// How good search strategies are on one problem: several seeds, several budgets, against the proven optimum.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "raceline/search/strategy.h"

namespace raceline {

/// A strategy with its options, searched once a seed.
struct StrategyStudy {
  std::string name;  ///< "q-learning, unpruned"
  std::vector<double> costs_us;
  double seconds = 0;  ///< of one search, median

  /// Median cost over the optimum's, less 1.
  double gap(double optimum_us) const;
};

/// The strategies that docs/search.md compares, each with so many seeds and episodes. Those that draw nothing
/// are searched once.
std::vector<StrategyStudy> study_strategies(const SelectionProblem& problem, int seeds, int64_t episodes);

/// Complete searches with one budget, one a seed.
struct BudgetPoint {
  int64_t episodes = 0;
  std::vector<double> costs_us;
  double mean_us() const;
  double least_us() const;
  double most_us() const;
};

/// The options' seed and episodes are replaced.
std::vector<BudgetPoint> study_budgets(const SelectionProblem& problem, const std::string& strategy,
                                       SearchOptions options, std::span<const int64_t> budgets, int seeds);

/// How many ways there are to choose: the paper's N_I to the power of N_L, and the true number.
struct DesignSpace {
  size_t layers = 0;        ///< N_L: layers with a choice that runs something
  size_t most_choices = 0;  ///< N_I: of one layer
  double log10_bound = 0;   ///< of N_I^N_L
  double log10_size = 0;    ///< of the product of the layers' numbers of choices
};
DesignSpace design_space(const SelectionProblem& problem);

}  // namespace raceline
