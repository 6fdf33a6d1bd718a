// The selection problem as a sum of tables over few variables each (a weighted constraint network).
#pragma once
#include <cstddef>
#include <vector>

#include "raceline/search/strategies/compact.h"

namespace raceline {

/// A table over the values of some variables; the last variable of the scope runs fastest.
struct Factor {
  std::vector<int> scope;
  std::vector<double> table;
};

/// Minimise the sum of the factors. Variables 0 to layers - 1 are the layers, with the values of Compact; a
/// further one for each tensor of several consumers says which copies of it are made. (Not called Model: that
/// is the class for programs that embed Raceline.)
struct FactorModel {
  std::vector<int> sizes;  ///< values of each variable
  std::vector<Factor> factors;
  /// A tensor had too many sets of copies: its conversions are bounded from below instead. The minimum is
  /// then a bound of the objective, not the objective.
  bool relaxed = false;

  double weight(int variable) const { return static_cast<double>(sizes[static_cast<size_t>(variable)]); }
};

/// most_states: of the variable of one tensor.
FactorModel make_model(const Compact& compact, size_t most_states);

}  // namespace raceline
