// A choice made layer after layer, and what each layer adds to its cost: how learning strategies see a
// problem.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

#include "raceline/search/strategies/compact.h"

namespace raceline {

/// Layers are taken in Compact::order(); `place` counts in it.
class Walk {
 public:
  /// per_edge: each consumer pays for its own conversion, as if no other had made a copy.
  Walk(Compact& compact, bool per_edge);

  /// What the layer at this place adds, with its value and those of all places before in `values` (by layer):
  /// its cost, and the conversions of its inputs that are not there yet. Over all places this sums to the
  /// objective, unless each edge pays.
  double step_us(size_t place, std::span<const int> values);

  /// All that the layers from this place on can know of those before it: for each tensor that they want, the
  /// interface it has and those that it was wanted in so far, appended to `state`.
  void append_open(size_t place, std::span<const int> values, std::vector<int>& state) const;
  /// How many tensors append_open describes, over all places.
  size_t open_tensors() const;
  /// The same of the tensors only that the layer at this place wants.
  void append_inputs(size_t place, std::span<const int> values, std::vector<int>& state) const;

 private:
  struct Use {
    int tensor = 0;
    size_t nth = 0;  // of the tensor's consumers, in the order of places
  };
  void append(int tensor, size_t used, std::span<const int> values, std::vector<int>& state) const;

  Compact& compact_;
  bool per_edge_;
  std::vector<std::vector<size_t>> consumers_;  // by tensor: in the order of places
  std::vector<std::vector<Use>> inputs_;        // by place
  std::vector<std::vector<Use>> open_;          // by place: tensors open there, nth as the next use
};

}  // namespace raceline
