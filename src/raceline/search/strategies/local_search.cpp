#include "raceline/search/strategies/local_search.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace raceline {
namespace {

constexpr size_t most_changes = 6;  // layers that one move may change: a fused chain is shorter

size_t at(int index) {
  return static_cast<size_t>(index);
}

}  // namespace

std::optional<double> Mover::change(int layer, int value) {
  before_ = substitute(layer, value);
  if (before_.empty()) return std::nullopt;
  std::vector<std::pair<int, int>> after;
  for (const auto& [changed, old] : before_) after.emplace_back(changed, values_[at(changed)]);
  const double new_us = local_us(before_);
  set(before_);
  old_us_ = local_us(before_);
  set(after);
  return new_us - old_us_;
}

void Mover::undo() {
  set(before_);
}

bool Mover::improve(int layer, int value) {
  const auto difference = change(layer, value);
  if (!difference) return false;
  // Improvements below rounding would let the search run in circles.
  if (*difference < -1e-12 * old_us_) return true;
  undo();
  return false;
}

void Mover::set(const Values& values) {
  for (const auto& [layer, value] : values) values_[at(layer)] = value;
}

/// The layers changed with their old values; empty, and nothing changed, when no partner fits.
Mover::Values Mover::substitute(int layer, int value) {
  std::vector<std::pair<int, int>> old{{layer, values_[at(layer)]}};
  values_[at(layer)] = value;
  for (size_t next = 0; next < old.size(); ++next) {
    for (const int index : compact_.constraints_of(old[next].first)) {
      const Constraint& constraint = compact_.constraints()[at(index)];
      if (fits(constraint)) continue;
      const int partner = constraint.producer == old[next].first ? constraint.consumer : constraint.producer;
      const bool taken = std::ranges::find(old, partner, &std::pair<int, int>::first) != old.end();
      const int better = taken || old.size() == most_changes ? -1 : best_fit(partner, old);
      if (better < 0) {
        set(old);
        return {};
      }
      old.emplace_back(partner, values_[at(partner)]);
      values_[at(partner)] = better;
    }
  }
  return old;
}

bool Mover::fits(const Constraint& constraint) const {
  const size_t columns = compact_.domain(constraint.consumer).size();
  return constraint.allowed[at(values_[at(constraint.producer)]) * columns +
                            at(values_[at(constraint.consumer)])] != 0;
}

/// The cheapest value, taken alone, that fits all layers changed so far; -1 when there is none.
int Mover::best_fit(int layer, const Values& changed) {
  int& value = values_[at(layer)];
  const int old = value;
  int best = -1;
  for (value = 0; value < static_cast<int>(compact_.domain(layer).size()); ++value) {
    if (best >= 0 && compact_.cost(layer, value) >= compact_.cost(layer, best)) continue;
    const bool all = std::ranges::all_of(compact_.constraints_of(layer), [&](int index) {
      const Constraint& constraint = compact_.constraints()[at(index)];
      const int other = constraint.producer == layer ? constraint.consumer : constraint.producer;
      return std::ranges::find(changed, other, &std::pair<int, int>::first) == changed.end() ||
             fits(constraint);
    });
    if (all) best = value;
  }
  value = old;
  return best;
}

/// What of the objective depends on these layers.
double Mover::local_us(const Values& layers) {
  double sum = 0;
  tensors_.clear();
  for (const auto& [layer, old] : layers) {
    sum += compact_.cost(layer, values_[at(layer)]);
    const auto touched = compact_.tensors_of(layer);
    tensors_.insert(tensors_.end(), touched.begin(), touched.end());
  }
  std::ranges::sort(tensors_);
  tensors_.erase(std::unique(tensors_.begin(), tensors_.end()), tensors_.end());
  for (const int tensor : tensors_) sum += compact_.conversions_us(tensor, values_);
  return sum;
}

void descend(Compact& compact, std::vector<int>& values, Random& random, int64_t& evaluations, int64_t most) {
  Mover mover(compact, values);
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  for (bool better = true; better;) {
    better = false;
    random.shuffle(order);
    for (const int layer : order) {
      for (int value = 0; value < static_cast<int>(compact.domain(layer).size()); ++value) {
        if (value == values[at(layer)]) continue;
        if (evaluations >= most) return;
        ++evaluations;
        better = mover.improve(layer, value) || better;
      }
    }
  }
}

}  // namespace raceline
