#include "raceline/search/problem.h"

#include <algorithm>
#include <cassert>

namespace raceline {

int SelectionProblem::intern(std::string_view interface) {
  const auto found = std::ranges::find(interfaces, interface);
  if (found == interfaces.end()) {
    interfaces.emplace_back(interface);
    return static_cast<int>(interfaces.size()) - 1;
  }
  return static_cast<int>(found - interfaces.begin());
}

Evaluation evaluate(const SelectionProblem& problem, std::span<const int> choice) {
  assert(choice.size() == problem.layers.size());
  const auto chosen = [&](int layer) -> const Choice& {
    return problem.layers[static_cast<size_t>(layer)]
        .choices[static_cast<size_t>(choice[static_cast<size_t>(layer)])];
  };
  Evaluation sum;
  for (size_t layer = 0; layer < problem.layers.size(); ++layer) {
    sum.layers_us += chosen(static_cast<int>(layer)).cost_us;
  }
  std::vector<int> wanted;
  for (const ProblemTensor& tensor : problem.tensors) {
    wanted.clear();
    for (const Slot& slot : tensor.consumers)
      wanted.push_back(chosen(slot.layer).inputs[static_cast<size_t>(slot.slot)]);
    const int from = chosen(tensor.producer.layer).outputs[static_cast<size_t>(tensor.producer.slot)];
    sum.tensors.push_back(cheapest_conversions(tensor, from, wanted));
    sum.conversions_us += sum.tensors.back().cost_us;
  }
  sum.cost_us = sum.layers_us + sum.conversions_us;
  return sum;
}

}  // namespace raceline
