#include "raceline/search/strategy.h"

#include <array>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

constexpr auto table = std::to_array<StrategyInfo>({
    {"exact", "the best choice, proven: elimination of layers, branch and bound where that is too large",
     make_exact},
    {"greedy", "each layer's cheapest choice, conversions paid afterwards", make_greedy},
    {"best-single-library", "the best of all choices that stay in one library where it can",
     make_best_single_library},
    {"random", "the best of random choices", make_random},
    {"coordinate-descent", "one layer after the other to its best, from many starts",
     make_coordinate_descent},
    {"annealing", "single changes, worse ones too while it is hot", make_annealing},
    {"q-learning", "reinforcement learning as in QS-DNN: epsilon-greedy, replay, shaped reward",
     make_q_learning},
    {"q-learning+", "the same with a state that knows the open branches, and whole steps",
     make_q_learning_plus},
});

}  // namespace

std::span<const StrategyInfo> all_strategies() {
  return table;
}

std::unique_ptr<SearchStrategy> make_strategy(std::string_view name) {
  std::vector<std::string> names;
  for (const StrategyInfo& row : table) {
    if (row.name == name) return row.make();
    names.emplace_back(row.name);
  }
  throw UnsupportedError(
      fmt::format("there is no search strategy '{}'; there are {}", name, join(names, ", ")));
}

}  // namespace raceline
