// Depth-first branch and bound below the bounds of a split elimination.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "raceline/search/strategies/compact.h"
#include "raceline/search/strategies/elimination.h"

namespace raceline {

struct BoundedAnswer {
  std::vector<int> values;  ///< of the layers; empty when none was found
  double cost_us = impossible;
  double lower_bound_us = 0;
  bool complete = false;  ///< every branch was followed or cut: the values are the best there are
  int64_t nodes = 0;
};

/// Follows the order backwards, best value first, and cuts what cannot be below the best known (`start`,
/// whose values may be empty). `stop` is asked now and then; the bound is then the least of all open
/// branches.
BoundedAnswer branch_and_bound(Compact& compact, const Elimination& elimination, BoundedAnswer start,
                               const std::function<bool()>& stop);

}  // namespace raceline
