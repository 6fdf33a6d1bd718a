// Moves of one layer at a time, and descent by them: shared by the strategies that improve a choice.
#pragma once
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/search/strategies/compact.h"

namespace raceline {

/// Changes a feasible choice, layer by layer, such that it stays feasible.
class Mover {
 public:
  /// Both must outlive it.
  Mover(Compact& compact, std::vector<int>& values) : compact_(compact), values_(values) {}

  /// Gives the layer this value, and partners what then fits; what that adds to the cost. Absent, and all as
  /// before, when no partner fits.
  std::optional<double> change(int layer, int value);
  /// Takes the last change back.
  void undo();
  /// A change that stays only if it helps; whether it did.
  bool improve(int layer, int value);

 private:
  using Values = std::vector<std::pair<int, int>>;  // layer, value

  void set(const Values& values);
  Values substitute(int layer, int value);
  bool fits(const Constraint& constraint) const;
  int best_fit(int layer, const Values& changed);
  double local_us(const Values& layers);

  Compact& compact_;
  std::vector<int>& values_;
  Values before_;  // of the last change
  double old_us_ = 0;
  std::vector<int> tensors_;  // scratch
};

/// Changes one layer after the other, in random order, to its best value with all others as they are, until
/// no change helps or `evaluations` (what was tried so far) reaches `most`. Where a value does not fit a
/// neighbour's (private interfaces: a layer deferred to the next), the neighbour changes with it to its best
/// value that fits. values must be feasible and stay so.
void descend(Compact& compact, std::vector<int>& values, Random& random, int64_t& evaluations, int64_t most);

}  // namespace raceline
