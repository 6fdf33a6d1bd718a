// Transposition of f32 matrices near the speed of memory.
#pragma once
#include <cstdint>

namespace raceline {

/// to[c * to_stride + r] = from[r * from_stride + c] for r in [0, rows), c in [0, columns). With `lanes` (8
/// or 16, not below rows) every output row is filled up with zeros to that many elements.
void transpose(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
               int64_t columns, int64_t lanes = 0);

/// `batch` matrices [rows, columns], one after the other, each transposed; on up to `threads` threads.
void transpose_batch(const float* from, float* to, int64_t batch, int64_t rows, int64_t columns, int threads);

}  // namespace raceline
