// The best of random choices: the baseline of QS-DNN. Each layer draws evenly among all its choices that
// leave every other layer one.
#include "raceline/base/random.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/curve.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

class RandomSearch final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    const Stopwatch watch;
    Compact compact(problem, Keep::all);
    Assigner assigner(compact);
    Random random(options.seed);
    Best best;
    int64_t evaluations = 0;
    do {
      ++evaluations;
      const auto values = assigner.assign([&](int, std::span<const int> left) {
        return left[static_cast<size_t>(random.below(static_cast<int64_t>(left.size())))];
      });
      if (!values) continue;
      best.see(*values, compact.total_us(*values), evaluations, true);
    } while (evaluations < options.episodes);
    if (best.us() == impossible) {
      throw UnsupportedError(fmt::format("no feasible choice found in {} random ones", evaluations));
    }
    SearchAnswer answer = std::move(best).answer(compact, evaluations);
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_random() {
  return std::make_unique<RandomSearch>();
}

}  // namespace raceline
