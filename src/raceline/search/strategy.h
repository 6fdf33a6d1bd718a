// Search strategies: interchangeable ways to solve a SelectionProblem.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/search/problem.h"

namespace raceline {

struct SearchOptions {
  uint64_t seed = 1;
  int64_t episodes = 1000;  ///< evaluations that sampling strategies may spend; at least one choice is made
  double seconds = 60;      ///< limit of the exact strategy, which then reports the gap
};

/// What a strategy found. cost_us is evaluate()'s of the choice.
struct SearchAnswer {
  std::vector<int> choice;
  double cost_us = 0;
  double lower_bound_us = 0;  ///< proven; 0 when the strategy proves nothing
  bool optimal = false;       ///< cost equals the proven bound, but for rounding
  /// Work done, alike on every machine: costs of choices computed by the sampling strategies, table entries
  /// and search nodes by the exact one.
  int64_t evaluations = 0;
  double seconds = 0;
  std::string note;  ///< for people, such as which library was best; mostly empty
};

class SearchStrategy {
 public:
  virtual ~SearchStrategy() = default;
  /// The problem must be valid. The same problem and options give the same answer, unless options.seconds
  /// ends the search. Throws UnsupportedError ("no feasible choice") naming a layer where it can when the
  /// problem has no solution.
  virtual SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const = 0;
};

/// A row of the table of strategies.
struct StrategyInfo {
  std::string_view name;
  std::string_view what;  ///< one line for --help
  std::unique_ptr<SearchStrategy> (*make)();
};
std::span<const StrategyInfo> all_strategies();
/// Throws UnsupportedError naming the strategies there are.
std::unique_ptr<SearchStrategy> make_strategy(std::string_view name);

}  // namespace raceline
