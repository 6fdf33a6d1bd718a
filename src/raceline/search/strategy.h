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

/// How `q-learning` learns. The defaults are those of QS-DNN; docs/search.md says what the paper leaves open.
struct QLearningOptions {
  enum class Replay : uint8_t {
    episodes,     ///< the last `buffer` episodes, whole and last layer first, after each episode
    transitions,  ///< `buffer` single steps, drawn among the last `buffer` ones, after each episode
  };
  double step_size = 0.05;  ///< the paper's alpha
  double discount = 0.9;    ///< the paper's gamma
  Replay replay = Replay::episodes;
  int64_t buffer = 128;
  bool whole_reward = false;  ///< the network's time at its end, rather than each layer's at the layer
  bool per_edge = false;      ///< each consumer pays for its conversion, also where a copy is there already
  bool zero_start = false;    ///< Q begins as 0, rather than as the first target seen
};

struct SearchOptions {
  uint64_t seed = 1;
  int64_t episodes = 1000;  ///< evaluations that sampling strategies may spend; at least one choice is made
  double seconds = 60;      ///< limit of the exact strategy, which then reports the gap
  bool unpruned = false;    ///< strategies that learn see all choices, not only the worthwhile ones
  QLearningOptions q;
};

/// A point of a learning curve.
struct CurvePoint {
  int64_t evaluations = 0;
  double cost_us = 0;  ///< of the choice that was tried
  double best_us = 0;  ///< of the best choice so far
  friend bool operator==(const CurvePoint&, const CurvePoint&) = default;
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
  /// Of strategies that sample: each episode of those that learn or draw at random, each improvement of those
  /// that move step by step (strategies/curve.h).
  std::vector<CurvePoint> curve;
  /// Of strategies that learn: what they would choose in the end, greedily, beside the best they have seen.
  std::vector<int> learned_choice;
  double learned_us = 0;
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
