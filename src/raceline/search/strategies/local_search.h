// Descent one layer at a time, shared by coordinate descent and by branch and bound for its first incumbent.
#pragma once
#include <cstdint>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/search/strategies/compact.h"

namespace raceline {

/// Changes one layer after the other, in random order, to its best value with all others as they are, until
/// no change helps or `evaluations` (what was tried so far) reaches `most`. Where a value does not fit a
/// neighbour's (private interfaces: a layer deferred to the next), the neighbour changes with it to its best
/// value that fits. values must be feasible and stay so.
void descend(Compact& compact, std::vector<int>& values, Random& random, int64_t& evaluations, int64_t most);

}  // namespace raceline
