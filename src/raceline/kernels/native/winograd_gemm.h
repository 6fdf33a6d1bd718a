// The products between Winograd's transforms: out[row][filter] = sum over channels of a[row][channel] *
// b[channel][filter], by a block of accumulators that stay in registers. One broadcast of a serves all
// vectors of filters, one load of b all rows. Both operands are read from front to back.
#pragma once
#include <array>

#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// Rows and vectors of filters of the largest block: all registers but those for b and the broadcast.
template <int lanes>
struct WinogradBlock {
  static constexpr int rows = lanes == 16 ? 14 : 6;
  static constexpr int vectors = 2;
};

/// One block. `a` holds [channels / lanes][rows][lanes], `b` [channels][vectors * lanes], `out` gets
/// [rows][vectors * lanes]. Half as many elements as b has, from `ahead` on unless that is nullptr, are
/// brought into the second-level cache meanwhile.
template <int lanes, int rows, int vectors>
RACELINE_INLINE void multiply_block(const float* a, const float* b, int64_t channel_vectors,
                                    const float* ahead, float* out) {
  Vec<lanes> sums[rows][vectors] = {};
  for (int64_t channel_vector = 0; channel_vector < channel_vectors; ++channel_vector) {
    for (int step = 0; step < lanes; step += 4) {
      if (ahead != nullptr) {
        constexpr int lines = (vectors * lanes * 4 / 16 + 1) / 2;
        unrolled<lines>([&](auto line) RACELINE_LAMBDA { __builtin_prefetch(ahead + line * 16, 0, 2); });
        ahead += lines * 16;
      }
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

using WinogradMultiply = void (*)(const float* a, const float* b, int64_t channel_vectors, const float* ahead,
                                  float* out);

/// Each block is a function of its own: all in one would be too much for an optimiser or a sanitizer.
template <int lanes, int rows, int vectors>
void run_multiply_block(const float* a, const float* b, int64_t channel_vectors, const float* ahead,
                        float* out) {
  run_with_lanes<lanes>(
      [=]() RACELINE_LAMBDA { multiply_block<lanes, rows, vectors>(a, b, channel_vectors, ahead, out); });
}

/// Blocks of 1, 2, ... rows.
template <int lanes, int vectors>
constexpr auto multiply_blocks = []<int... row>(std::integer_sequence<int, row...>) {
  return std::array<WinogradMultiply, sizeof...(row)>{run_multiply_block<lanes, row + 1, vectors>...};
}
(std::make_integer_sequence<int, WinogradBlock<lanes>::rows>{});

}  // namespace raceline
