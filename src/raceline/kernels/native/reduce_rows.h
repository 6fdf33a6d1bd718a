// Sums and extremes along the middle axis of [outer][count][inner]: what reductions and global pooling share.
#pragma once
#include <cstdint>

namespace raceline {

/// What an element does to the result of those before it.
enum class RowReduction : uint8_t { sum, sum_abs, sum_square, max, min };

/// y[outer][inner] = factor * the reduction of x[outer][0...count - 1][inner], for count above 0; on up to
/// `threads` threads. NaN goes through all of them.
void reduce_rows(RowReduction reduction, const float* x, int64_t outer, int64_t count, int64_t inner,
                 float factor, float* y, int threads);

}  // namespace raceline
