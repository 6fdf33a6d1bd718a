// One layer after the other goes to its best choice with all others as they are, until none improves. The
// first start is the greedy choice, the others are random; all share one budget of evaluations.
#include "raceline/base/random.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/local_search.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

class CoordinateDescent final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    Compact compact(problem, Keep::cheapest_of_interfaces);
    Assigner assigner(compact);
    Random random(options.seed);
    SearchAnswer answer;
    std::vector<int> best = cheapest_assignment(compact);
    double best_us = compact.total_us(best);
    std::vector<int> values = best;
    for (;;) {
      ++answer.evaluations;
      descend(compact, values, random, answer.evaluations, options.episodes);
      const double us = compact.total_us(values);
      if (us < best_us) {
        best_us = us;
        best = values;
      }
      if (answer.evaluations >= options.episodes) break;
      const auto start = assigner.assign([&](int, std::span<const int> left) {
        return left[static_cast<size_t>(random.below(static_cast<int64_t>(left.size())))];
      });
      values = start ? *start : best;
    }
    answer.choice = compact.choices(best);
    answer.cost_us = evaluate(problem, answer.choice).cost_us;
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_coordinate_descent() {
  return std::make_unique<CoordinateDescent>();
}

}  // namespace raceline
