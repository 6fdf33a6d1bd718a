// One layer after the other goes to its best choice with all others as they are, until none improves. The
// first start is the greedy choice, the others are random; all share one budget of evaluations.
#include "raceline/base/random.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/curve.h"
#include "raceline/search/strategies/local_search.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

class CoordinateDescent final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    Compact compact(problem, Keep::worthwhile);
    Assigner assigner(compact);
    Random random(options.seed);
    int64_t evaluations = 0;
    std::vector<int> values = cheapest_assignment(compact);
    Best best;
    best.see(values, compact.total_us(values), 1, true);
    for (;;) {
      ++evaluations;
      descend(compact, values, random, evaluations, options.episodes);
      best.see(values, compact.total_us(values), evaluations, true);
      if (evaluations >= options.episodes) break;
      const auto start = assigner.assign([&](int, std::span<const int> left) {
        return left[static_cast<size_t>(random.below(static_cast<int64_t>(left.size())))];
      });
      values = start ? *start : best.values();
    }
    SearchAnswer answer = std::move(best).answer(compact, evaluations);
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_coordinate_descent() {
  return std::make_unique<CoordinateDescent>();
}

}  // namespace raceline
