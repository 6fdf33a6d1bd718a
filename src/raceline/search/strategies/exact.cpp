// Selection with pairwise costs is a partitioned boolean quadratic problem (Anderson and Gregg, CGO 2018):
// NP-hard in general, linear in the layers where the network is a tree or series-parallel, and exponential in
// its width only. Networks are narrow; of the usual ones only densely concatenated ones are not.
//  1. Choices that no optimum needs go (search/prune.h), and those that fit nothing.
//  2. Each tensor becomes tables over two variables (model.cpp).
//  3. Variables are eliminated in a good order. Where the tables stay within the limits the answer is exact.
//  4. Else the tables are split: the result bounds the cost from below, and guides branch and bound.
#include "raceline/search/strategies/exact.h"

#include <algorithm>

#include "raceline/base/error.h"
#include "raceline/search/strategies/assigner.h"
#include "raceline/search/strategies/branch_and_bound.h"
#include "raceline/search/strategies/elimination.h"
#include "raceline/search/strategies/local_search.h"
#include "raceline/search/strategies/stopwatch.h"
#include "raceline/search/strategies/strategies.h"

namespace raceline {
namespace {

constexpr int restarts = 20;
constexpr int64_t descent_evaluations = 200'000;

/// A good choice to begin branch and bound with; without values when none was found.
BoundedAnswer first_incumbent(Compact& compact, uint64_t seed, const std::function<bool()>& stop) {
  Assigner assigner(compact);
  Random random(seed);
  BoundedAnswer best;
  int64_t evaluations = 0;
  for (int start = 0; start <= restarts && evaluations < descent_evaluations; ++start) {
    if (start > 0 && stop()) break;
    const auto values = assigner.assign([&](int layer, std::span<const int> left) {
      if (start > 0) return left[static_cast<size_t>(random.below(static_cast<int64_t>(left.size())))];
      return *std::ranges::min_element(left, {}, [&](int value) { return compact.cost(layer, value); });
    });
    if (!values) continue;
    std::vector<int> improved = *values;
    descend(compact, improved, random, evaluations, descent_evaluations);
    const double us = compact.total_us(improved);
    if (us < best.cost_us) {
      best.cost_us = us;
      best.values = std::move(improved);
    }
  }
  best.nodes = evaluations;
  return best;
}

[[noreturn]] void refuse_contradiction() {
  throw UnsupportedError(
      "no feasible choice: every layer has one that fits its neighbours, but no choice fits all");
}

BoundedAnswer search_bounded(Compact& compact, const FactorModel& model, const EliminationOrder& order,
                             uint64_t seed, double split_cells, const std::function<bool()>& stop) {
  const auto never = [] { return false; };
  const auto elimination = Elimination::run(model, order, split_cells, never);
  if (elimination->bound() == impossible) refuse_contradiction();
  BoundedAnswer start = first_incumbent(compact, seed, stop);
  start.nodes += elimination->entries();
  BoundedAnswer answer = branch_and_bound(compact, *elimination, std::move(start), stop);
  if (answer.values.empty()) {
    if (answer.complete) refuse_contradiction();
    throw UnsupportedError("no feasible choice found in the time given");
  }
  return answer;
}

class Exact final : public SearchStrategy {
 public:
  SearchAnswer search(const SelectionProblem& problem, const SearchOptions& options) const override {
    return search_exact(problem, options);
  }
};

}  // namespace

SearchAnswer search_exact(const SelectionProblem& problem, const SearchOptions& options,
                          const ExactLimits& limits) {
  const Stopwatch watch;
  const auto stop = [&] { return watch.seconds() >= options.seconds; };
  Compact compact(problem, Keep::worthwhile);
  FactorModel model = make_model(compact, limits.copy_states);
  const EliminationOrder order = elimination_order(model);
  SearchAnswer answer;
  if (!model.relaxed && order.cells <= limits.cells && order.entries <= limits.entries) {
    const auto elimination = Elimination::run(model, order, impossible, stop);
    if (elimination) {
      if (elimination->bound() == impossible) refuse_contradiction();
      std::vector<int> values = elimination->read_off();
      values.resize(static_cast<size_t>(compact.layers()));
      answer.choice = compact.choices(values);
      answer.evaluations = elimination->entries();
      answer.optimal = true;
    }
  }
  if (!answer.optimal) {
    const double split_cells =
        std::min(limits.split_cells, limits.cells / static_cast<double>(model.sizes.size() + 1));
    const BoundedAnswer bounded = search_bounded(compact, model, order, options.seed, split_cells, stop);
    answer.choice = compact.choices(bounded.values);
    answer.evaluations = bounded.nodes;
    answer.optimal = bounded.complete;
    answer.lower_bound_us = bounded.lower_bound_us;
  }
  answer.cost_us = evaluate(problem, answer.choice).cost_us;
  ++answer.evaluations;
  answer.lower_bound_us = answer.optimal ? answer.cost_us : std::min(answer.lower_bound_us, answer.cost_us);
  answer.seconds = watch.seconds();
  return answer;
}

std::unique_ptr<SearchStrategy> make_exact() {
  return std::make_unique<Exact>();
}

}  // namespace raceline
