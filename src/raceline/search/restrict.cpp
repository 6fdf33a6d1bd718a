#include "raceline/search/restrict.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {

std::vector<int> RestrictedProblem::expand(std::span<const int> choice) const {
  std::vector<int> expanded;
  for (size_t layer = 0; layer < choice.size(); ++layer) {
    expanded.push_back(original[layer][static_cast<size_t>(choice[layer])]);
  }
  return expanded;
}

RestrictedProblem restrict_choices(const SelectionProblem& problem,
                                   const std::function<bool(int, int)>& keep) {
  RestrictedProblem restricted;
  restricted.problem.interfaces = problem.interfaces;
  restricted.problem.tensors = problem.tensors;
  for (int layer = 0; layer < static_cast<int>(problem.layers.size()); ++layer) {
    const ProblemLayer& full = problem.layers[static_cast<size_t>(layer)];
    ProblemLayer& kept = restricted.problem.layers.emplace_back();
    std::vector<int>& original = restricted.original.emplace_back();
    kept.name = full.name;
    for (int choice = 0; choice < static_cast<int>(full.choices.size()); ++choice) {
      if (!keep(layer, choice)) continue;
      kept.choices.push_back(full.choices[static_cast<size_t>(choice)]);
      original.push_back(choice);
    }
    if (kept.choices.empty()) {
      throw UnsupportedError(fmt::format("no feasible choice: layers[{}] '{}' has none of its {} left", layer,
                                         full.name, full.choices.size()));
    }
  }
  return restricted;
}

std::string_view library_of(std::string_view primitive) {
  const std::vector<std::string_view> parts = split(primitive, '.');
  return parts.size() < 2 ? std::string_view{} : parts[1];
}

}  // namespace raceline
