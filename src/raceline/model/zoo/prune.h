// Pruning by magnitude, for networks of the zoo.
#pragma once
#include <span>

#include "raceline/graph/density.h"

namespace raceline {

/// Zeroes `share` (rounded up) of the blocks of `width` neighbouring outputs that meet one input, those of
/// the smallest mean square and of equal ones the first; the others are scaled such that the sum of squares
/// stays.
void prune(std::span<float> weights, const WeightGrid& grid, double share, int64_t width);

}  // namespace raceline
