// Convolutions by Strassen's product: the loops, which exist for each vector width, and the primitive; see
// conv2d_native_strassen.cpp.
#pragma once
#include <array>
#include <cstdint>
#include <memory>

#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Products of a quarter's pixels of one row with one or two vectors of its filters, and what becomes of
/// them. Tiles are [pixel][filter].
struct StrassenBlock {
  const float* x;           ///< [pixel][lane] of the first channels under the first tap
  const int64_t* segments;  ///< floats from there to each `lanes` channels under each tap
  int64_t segment_count;
  const float* filters;         ///< [segment][lane][filter]
  Prefetch ahead;               ///< of filters that are wanted soon
  const float* from;            ///< with this tile added, the products go to `to`; nullptr: without
  float* to;                    ///< a tile; nullptr: nowhere
  const float* other;           ///< a tile that is added to the products on their way to y
  const float* bias;            ///< of all filters of the block
  float* y;                     ///< the first pixel's; nullptr: nowhere
  const float* residual;        ///< as y; nullptr: none
  int64_t y_step;               ///< floats from one output pixel to the next
  std::array<int64_t, 2> runs;  ///< floats from y to each vector of filters
  float low, high;
};

/// Which quarters of an image are multiplied, (half of channels, half of pixels), and which sums of them:
/// t1 = q01 - q00, t2 = q11 - t1, t3 = q11 - q01, t4 = t2 - q10.
enum class StrassenFactor : int8_t { t1, t2, t3, t4, q00, q10, q11 };

/// Makes the sums of the quarters of an image: [block][row][pixel][lane]. Steps are in floats.
struct StrassenSums {
  const float *q00, *q01, *q10, *q11;
  int64_t blocks, rows, pixels;
  const int64_t* offsets;  ///< from a quarter's beginning to each block of channels
  int64_t row_step, pixel_step;
  float* to;            ///< one StrassenFactor behind the other
  int64_t factor_step;  ///< from one to the next
  int64_t block_step;   ///< from a block of one to its next
  bool copies;          ///< the quarters as well, not only the sums
};

/// The loops for one vector width: blocks[vectors - 1][pixels - 1].
struct StrassenLoops {
  using Block = void (*)(const StrassenBlock& block);
  std::array<std::array<Block, 14>, 2> blocks;
  void (*sums)(const StrassenSums& sums);
};

/// Pixels of the largest block: with two vectors of filters all registers but those for a broadcast.
constexpr int strassen_pixels(int lanes) {
  return lanes == 16 ? 14 : 6;
}

/// Each vector width is compiled in a file of its own.
template <int lanes>
StrassenLoops strassen_loops();
extern template StrassenLoops strassen_loops<16>();
extern template StrassenLoops strassen_loops<8>();
extern template StrassenLoops strassen_loops<4>();

/// A primitive that uses the best instructions of this machine up to `most`; nchw8c has vectors of 8.
std::unique_ptr<Primitive> make_strassen(Layout layout, Isa most);

}  // namespace raceline
