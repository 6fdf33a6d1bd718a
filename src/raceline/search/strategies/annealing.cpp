// Simulated annealing (Kirkpatrick, Gelatt, Vecchi: Science 220, 1983): one layer at a time is changed to a
// random other value; better is always kept, worse with a chance that falls with the difference and with the
// temperature. The temperature follows the mean difference of the first moves, down to a ten-thousandth of
// it.
#include <algorithm>
#include <cmath>

#include "raceline/base/random.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/curve.h"
#include "raceline/search/strategies/local_search.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

constexpr double hottest = 0.3;  // times the mean difference
constexpr double coldest = 3e-5;

class Annealing final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    Compact compact(problem, options.unpruned ? Keep::all : Keep::worthwhile);
    Random random(options.seed);
    const int64_t moves = std::max<int64_t>(options.episodes, 1);
    std::vector<int> values = cheapest_assignment(compact);
    double us = compact.total_us(values);
    Best best;
    best.see(values, us, 1, true);
    std::vector<int> free;  // layers that have something to choose
    for (int layer = 0; layer < compact.layers(); ++layer) {
      if (compact.domain(layer).size() > 1) free.push_back(layer);
    }
    Mover mover(compact, values);
    double differences_us = 0;
    int64_t counted = 0;
    for (int64_t move = 1; move < moves && !free.empty(); ++move) {
      const int layer = free[static_cast<size_t>(random.below(static_cast<int64_t>(free.size())))];
      const auto others = static_cast<int64_t>(compact.domain(layer).size()) - 1;
      int value = static_cast<int>(random.below(others));
      if (value >= values[static_cast<size_t>(layer)]) ++value;
      const double chance = random.uniform();
      const auto difference = mover.change(layer, value);
      if (!difference) continue;
      differences_us += std::abs(*difference);
      const double mean_us = differences_us / static_cast<double>(++counted);
      const double progress = static_cast<double>(move) / static_cast<double>(moves);
      const double temperature = mean_us * hottest * std::pow(coldest / hottest, progress);
      if (*difference <= 0 || (temperature > 0 && chance < std::exp(-*difference / temperature))) {
        us += *difference;
        if (us < best.us()) best.see(values, us, move + 1, false);
      } else {
        mover.undo();
      }
    }
    SearchAnswer answer = std::move(best).answer(compact, moves);
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_annealing() {
  return std::make_unique<Annealing>();
}

}  // namespace raceline
