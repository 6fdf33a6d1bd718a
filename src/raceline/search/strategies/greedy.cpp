// Each layer its cheapest choice, whatever conversions that brings: what a tuner of single layers does. Where
// the cheapest choices cannot be joined at all (private interfaces), layers are chosen in the order of their
// dependencies, each the cheapest that leaves every other layer a choice.
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

class Greedy final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& /*options*/) const override {
    const Stopwatch watch;
    const Compact compact(problem, Keep::all);
    SearchAnswer answer;
    answer.choice = compact.choices(cheapest_assignment(compact));
    answer.cost_us = evaluate(problem, answer.choice).cost_us;
    answer.evaluations = 1;
    answer.seconds = watch.seconds();
    return answer;
  }
};

}  // namespace

std::unique_ptr<SearchStrategy> make_greedy() {
  return std::make_unique<Greedy>();
}

}  // namespace raceline
