// The products between Winograd's transforms: out[row][filter] = sum over channels of a[row][channel] *
// b[channel][filter], by a block of accumulators that stay in registers. One broadcast of a serves all
// vectors of filters, one load of b all rows. Both operands are read from front to back.
#pragma once
#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// Rows and vectors of filters of the largest block: all registers but those for b and the broadcast.
template <int lanes>
struct WinogradBlock {
  static constexpr int rows = lanes == 16 ? 14 : 6;
  static constexpr int vectors = 2;
};

/// One block. `a` holds [channels / lanes][rows][lanes], `b` [channels][vectors * lanes], `out` gets
/// [rows][vectors * lanes].
template <int lanes, int rows, int vectors>
RACELINE_INLINE void multiply_block(const float* a, const float* b, int64_t channel_vectors, float* out) {
  Vec<lanes> sums[rows][vectors] = {};
  for (int64_t channel_vector = 0; channel_vector < channel_vectors; ++channel_vector) {
    for (int step = 0; step < lanes; step += 4) {
      unrolled<4>([&](auto channel) RACELINE_LAMBDA {
        Vec<lanes> filters[vectors];
        unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
          load<lanes>(filters[vector], b + (channel * vectors + vector) * lanes);
        });
        unrolled<rows>([&](auto row) RACELINE_LAMBDA {
          const float factor = a[row * lanes + channel];
          unrolled<vectors>([&](auto vector)
                                RACELINE_LAMBDA { sums[row][vector] += factor * filters[vector]; });
        });
      });
      a += 4;
      b += 4 * vectors * lanes;
    }
    a += (rows - 1) * lanes;
  }
  unrolled<rows>([&](auto row) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
      store<lanes>(out + (row * vectors + vector) * lanes, sums[row][vector]);
    });
  });
}

/// A block of 1 to WinogradBlock::rows rows.
template <int lanes, int vectors, int most = WinogradBlock<lanes>::rows>
RACELINE_INLINE void multiply_rows(int rows, const float* a, const float* b, int64_t channel_vectors,
                                   float* out) {
  if constexpr (most > 1) {
    if (rows < most) return multiply_rows<lanes, vectors, most - 1>(rows, a, b, channel_vectors, out);
  }
  multiply_block<lanes, most, vectors>(a, b, channel_vectors, out);
}

}  // namespace raceline
