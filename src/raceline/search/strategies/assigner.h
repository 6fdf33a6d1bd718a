// Complete assignments that keep every constraint: backtracking that maintains arc consistency.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "raceline/search/strategies/compact.h"

namespace raceline {

/// Chooses layer after layer, in the order of their dependencies, among the values that still fit; takes a
/// choice back when it leaves another layer without any.
class Assigner {
 public:
  static constexpr int64_t most_steps = 100'000;

  explicit Assigner(const Compact& compact);

  /// The values, by layer, that have a partner at every constraint. Throws UnsupportedError ("no feasible
  /// choice") naming the place where a layer has none.
  const std::vector<std::vector<char>>& consistent();

  /// Picks one of the values that are left for a layer (ascending, not empty).
  using Pick = std::function<int(int layer, std::span<const int> values)>;

  /// Absent when most_steps did not do. Throws UnsupportedError ("no feasible choice") when there is none.
  std::optional<std::vector<int>> assign(const Pick& pick);

 private:
  bool choose(int layer, int value);
  void touch(int layer);
  bool remove(int layer, int value);
  bool propagate();
  void undo(size_t mark);

  const Compact& compact_;
  std::vector<std::vector<char>> alive_;
  std::vector<int> left_;
  std::vector<std::pair<int, int>> removed_;  // layer, value: in the order removed
  std::vector<int> changed_;                  // layers that lost values, each once
  std::vector<char> is_changed_;
  int broken_ = -1;  // the constraint that left a layer without values
};

/// The assignment that takes the cheapest value left for each layer in turn.
/// Throws UnsupportedError when most_steps did not do.
std::vector<int> cheapest_assignment(const Compact& compact);

}  // namespace raceline
