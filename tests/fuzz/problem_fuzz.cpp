// Selection problems: parsed, written and parsed again, and solved by every strategy.
#include "raceline/search/strategy.h"
#include "tests/fuzz/fuzz.h"

namespace {

using namespace raceline;

/// Solves it, but for problems that would only cost time.
void solve(const SelectionProblem& problem) {
  size_t choices = 0;
  for (const ProblemLayer& layer : problem.layers) choices += layer.choices.size();
  constexpr size_t most_choices = 200;
  if (choices > most_choices || problem.tensors.size() > most_choices) return;
  const SearchOptions options{.seed = 1, .episodes = 20, .seconds = 0.2};
  double best = 0;
  bool solved = false, proven = false;
  for (const StrategyInfo& info : all_strategies()) {
    try {
      const SearchAnswer answer = info.make()->search(problem, options);
      fuzz::promise(answer.choice.size() == problem.layers.size(), "an answer has a choice for each layer");
      fuzz::promise(evaluate(problem, answer.choice).cost_us < impossible, "an answer is possible");
      fuzz::promise(answer.lower_bound_us <= answer.cost_us * (1 + 1e-9) + 1e-9,
                    "no bound is above the cost");
      if (info.name == "exact") {
        best = answer.cost_us;
        proven = answer.optimal;
        solved = true;
      }
      if (proven) fuzz::promise(answer.cost_us >= best * (1 - 1e-9) - 1e-9, "nothing beats what is proven");
    } catch (const Error&) {
      fuzz::promise(info.name != "exact" || !solved, "the exact strategy comes first");
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const SelectionProblem problem = SelectionProblem::parse(fuzz::text_of(data, size));
    const std::string json = problem.to_json();
    fuzz::promise(SelectionProblem::parse(json).to_json() == json, "a problem is read as it was written");
    solve(problem);
  } catch (const Error&) {
  }
  return 0;
}
