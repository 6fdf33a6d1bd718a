// The exact strategy, with its limits in sight.
#pragma once
#include "raceline/search/strategy.h"

namespace raceline {

struct ExactLimits {
  double cells = 5e7;         ///< entries of all tables of an exact elimination: 400 MB
  double entries = 2e9;       ///< combinations looked at: some seconds
  double split_cells = 1e5;   ///< entries of one table when the limits above are exceeded
  size_t copy_states = 4096;  ///< sets of copies of one tensor
};

/// Solves by elimination within the limits, beyond them by branch and bound: until proven optimal, or until
/// options.seconds are over, and then with the gap stated.
SearchAnswer search_exact(const SelectionProblem& problem, const SearchOptions& options,
                          const ExactLimits& limits = {});

}  // namespace raceline
