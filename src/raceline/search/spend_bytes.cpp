#include "raceline/search/spend_bytes.h"

#include <algorithm>
#include <functional>

namespace raceline {

std::vector<int> spend_bytes(const SelectionProblem& problem,
                             std::span<const std::vector<int64_t>> working_bytes, std::vector<int> choice,
                             int64_t bytes, int64_t most_working) {
  struct Step {
    double us_per_byte;
    size_t layer, choice;
  };
  std::vector<Step> steps;
  for (size_t layer = 0; layer < choice.size(); ++layer) {
    const auto& choices = problem.layers[layer].choices;
    const Choice& now = choices[static_cast<size_t>(choice[layer])];
    for (size_t at = 0; at < choices.size(); ++at) {
      const Choice& other = choices[at];
      if (other.cost_us >= now.cost_us || other.inputs != now.inputs || other.outputs != now.outputs)
        continue;
      const auto more = static_cast<double>(std::max<int64_t>(1, other.weights_bytes - now.weights_bytes));
      steps.push_back({(now.cost_us - other.cost_us) / more, layer, at});
    }
  }
  std::ranges::stable_sort(steps, std::greater<>(), &Step::us_per_byte);
  for (const Step& step : steps) {
    const auto& choices = problem.layers[step.layer].choices;
    const Choice& now = choices[static_cast<size_t>(choice[step.layer])];
    const Choice& other = choices[step.choice];
    const int64_t more = other.weights_bytes - now.weights_bytes;
    if (other.cost_us >= now.cost_us || more > bytes || working_bytes[step.layer][step.choice] > most_working)
      continue;
    choice[step.layer] = static_cast<int>(step.choice);
    bytes -= more;
  }
  return choice;
}

}  // namespace raceline
