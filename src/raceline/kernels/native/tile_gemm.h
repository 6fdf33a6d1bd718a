// The products between the transforms of tiles: out[row][filter] = sum over channels of a[row][channel] *
// b[channel][filter], by a block of accumulators that stay in registers. One broadcast of a serves all
// vectors of filters, one load of b all rows. Both operands are read from front to back.
#pragma once
#include <array>

#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// What is multiplied: real numbers, complex ones in two planes, or two planes of real numbers.
enum class Product : uint8_t { real, complex, pair };

/// Rows and vectors of filters of the largest block: all registers but those for b and the broadcast.
template <int lanes, int planes>
struct TileBlock {
  static constexpr int rows = planes == 1 ? (lanes == 16 ? 14 : 6) : (lanes == 16 ? 6 : 2);
  static constexpr int vectors = 2;
};

/// One block. `a` holds [channels / lanes][rows][planes][lanes], `b` [channels][planes][vectors * lanes],
/// `out` gets [rows][planes][vectors * lanes]. `depth` channels are multiplied, a multiple of 4.
template <int lanes, Product product, int rows, int vectors>
RACELINE_INLINE void multiply_block(const float* a, const float* b, int64_t depth, Prefetch ahead,
                                    float* out) {
  constexpr int planes = product == Product::real ? 1 : 2;
  Vec<lanes> sums[rows][planes][vectors] = {};
  for (int64_t left = depth; left > 0; left -= lanes) {
    const int64_t some = left < lanes ? left : lanes;
    for (int64_t step = 0; step < some; step += 4) {
      unrolled<4>([&](auto channel) RACELINE_LAMBDA {
        ahead.template next<planes>();
        Vec<lanes> filters[planes][vectors];
        unrolled<planes * vectors>([&](auto at) RACELINE_LAMBDA {
          load<lanes>(filters[at / vectors][at % vectors], b + (channel * planes * vectors + at) * lanes);
        });
        unrolled<rows>([&](auto row) RACELINE_LAMBDA {
          const float factor = a[row * planes * lanes + channel];
          const float other = a[(row * planes + planes - 1) * lanes + channel];
          unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
            sums[row][0][vector] += factor * filters[0][vector];
            if constexpr (product == Product::pair) sums[row][1][vector] += other * filters[1][vector];
            if constexpr (product == Product::complex) {
              sums[row][1][vector] += factor * filters[1][vector];
              sums[row][0][vector] -= other * filters[1][vector];
              sums[row][1][vector] += other * filters[0][vector];
            }
          });
        });
      });
      a += 4;
      b += 4 * planes * vectors * lanes;
    }
    a += (rows * planes - 1) * lanes;
  }
  unrolled<rows * planes>([&](auto at) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
      store<lanes>(out + (at * vectors + vector) * lanes, sums[at / planes][at % planes][vector]);
    });
  });
}

using TileMultiply = void (*)(const float* a, const float* b, int64_t depth, Prefetch ahead, float* out);

/// Each block is a function of its own: all in one would be too much for an optimiser or a sanitizer.
template <int lanes, Product product, int rows, int vectors>
void run_multiply_block(const float* a, const float* b, int64_t depth, Prefetch ahead, float* out) {
  run_with_lanes<lanes>(
      [=]() RACELINE_LAMBDA { multiply_block<lanes, product, rows, vectors>(a, b, depth, ahead, out); });
}

/// Blocks of 1, 2, ... rows.
template <int lanes, Product product, int vectors>
constexpr auto multiply_blocks = []<int... row>(std::integer_sequence<int, row...>) {
  return std::array<TileMultiply, sizeof...(row)>{run_multiply_block<lanes, product, row + 1, vectors>...};
}
(std::make_integer_sequence<int, TileBlock<lanes, product == Product::real ? 1 : 2>::rows>{});

}  // namespace raceline
