#include "raceline/search/strategies/assigner.h"

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

size_t at(int index) {
  return static_cast<size_t>(index);
}

}  // namespace

Assigner::Assigner(const Compact& compact) : compact_(compact) {
  for (int layer = 0; layer < compact.layers(); ++layer) {
    alive_.emplace_back(compact.domain(layer).size(), 1);
    left_.push_back(static_cast<int>(compact.domain(layer).size()));
  }
  is_changed_.resize(alive_.size());
}

const std::vector<std::vector<char>>& Assigner::consistent() {
  for (int layer = 0; layer < compact_.layers(); ++layer) touch(layer);
  if (propagate()) return alive_;
  const Constraint& constraint = compact_.constraints()[at(broken_)];
  const auto& layers = compact_.problem().layers;
  throw UnsupportedError(fmt::format(
      "no feasible choice: layers[{}] '{}' has none that takes what layers[{}] '{}' can offer (tensors[{}])",
      constraint.consumer, layers[at(constraint.consumer)].name, constraint.producer,
      layers[at(constraint.producer)].name, compact_.problem_tensor(constraint.tensor)));
}

void Assigner::touch(int layer) {
  if (is_changed_[at(layer)] != 0) return;
  is_changed_[at(layer)] = 1;
  changed_.push_back(layer);
}

bool Assigner::remove(int layer, int value) {
  alive_[at(layer)][at(value)] = 0;
  removed_.emplace_back(layer, value);
  touch(layer);
  return --left_[at(layer)] > 0;
}

/// AC-3: whatever lost its last partner goes too. False when a layer has nothing left.
bool Assigner::propagate() {
  while (!changed_.empty()) {
    const int layer = changed_.back();
    changed_.pop_back();
    is_changed_[at(layer)] = 0;
    for (const int index : compact_.constraints_of(layer)) {
      const Constraint& constraint = compact_.constraints()[at(index)];
      const bool producing = constraint.producer == layer;
      const int other = producing ? constraint.consumer : constraint.producer;
      const size_t columns = alive_[at(constraint.consumer)].size();
      const auto& mine = alive_[at(layer)];
      auto& theirs = alive_[at(other)];
      for (size_t b = 0; b < theirs.size(); ++b) {
        if (theirs[b] == 0) continue;
        bool fits = false;
        for (size_t a = 0; a < mine.size() && !fits; ++a) {
          fits = mine[a] != 0 && constraint.allowed[producing ? a * columns + b : b * columns + a] != 0;
        }
        if (fits || remove(other, static_cast<int>(b))) continue;
        broken_ = index;
        return false;
      }
    }
  }
  return true;
}

bool Assigner::choose(int layer, int value) {
  if (compact_.constraints_of(layer).empty()) return true;
  for (int other = 0; other < static_cast<int>(alive_[at(layer)].size()); ++other) {
    if (other != value && alive_[at(layer)][at(other)] != 0) remove(layer, other);
  }
  return propagate();
}

void Assigner::undo(size_t mark) {
  for (; !changed_.empty(); changed_.pop_back()) is_changed_[at(changed_.back())] = 0;
  for (; removed_.size() > mark; removed_.pop_back()) {
    const auto [layer, value] = removed_.back();
    alive_[at(layer)][at(value)] = 1;
    ++left_[at(layer)];
  }
}

std::optional<std::vector<int>> Assigner::assign(const Pick& pick) {
  undo(0);
  std::vector<int> values(at(compact_.layers()), -1);
  std::vector<size_t> marks;  // of removed_, before each layer was chosen
  std::vector<int> candidates;
  int64_t steps = 0;
  while (marks.size() < values.size()) {
    const int layer = compact_.order()[marks.size()];
    candidates.clear();
    for (int value = 0; value < static_cast<int>(alive_[at(layer)].size()); ++value) {
      if (alive_[at(layer)][at(value)] != 0) candidates.push_back(value);
    }
    values[at(layer)] = pick(layer, candidates);
    marks.push_back(removed_.size());
    bool fits = choose(layer, values[at(layer)]);
    while (!fits) {
      if (++steps == most_steps) return std::nullopt;
      if (marks.empty()) {
        throw UnsupportedError(fmt::format(
            "no feasible choice: the interfaces of layers[{}] '{}' and of those after it exclude each other",
            layer, compact_.problem().layers[at(layer)].name));
      }
      // Take the last choice back for good; that may leave its layer, or another, without any. Choices that
      // no constraint knows had no part in it.
      const int last = compact_.order()[marks.size() - 1];
      undo(marks.back());
      marks.pop_back();
      if (compact_.constraints_of(last).empty()) continue;
      fits = remove(last, values[at(last)]) && propagate();
    }
  }
  return values;
}

std::vector<int> cheapest_assignment(const Compact& compact) {
  Assigner assigner(compact);
  const auto values = assigner.assign([&](int layer, std::span<const int> left) {
    int best = left.front();
    for (const int value : left) {
      if (compact.cost(layer, value) < compact.cost(layer, best)) best = value;
    }
    return best;
  });
  if (!values) {
    throw UnsupportedError(fmt::format("no feasible choice found in {} steps", Assigner::most_steps));
  }
  return *values;
}

}  // namespace raceline
