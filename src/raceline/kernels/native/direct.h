// Direct convolutions: blocks of output pixels times filters that stay in registers while all channels and
// taps are added up. The loops exist for each vector width; see conv2d_native_direct.cpp.
#pragma once
#include <array>
#include <memory>

#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/direct_plan.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Output pixels of one row times one or two vectors of filters. Steps and segments are in bytes.
struct DirectBlock {
  const float* x;           ///< the first pixel's first channel under the first tap
  const int64_t* segments;  ///< from there to each run of channels
  int64_t segment_count, length;
  int64_t whole_segments, last_length;  ///< segments of `length` channels; the others have fewer
  int64_t channel_step;                 ///< from one channel of a run to the next
  int64_t pixel_step;                   ///< from what one output reads to what the next one does
  const float* filters;                 ///< [segment][channel][filter]
  const float* next;                    ///< filters that come in next; nullptr: unknown
  int64_t index;                        ///< of the block among those of its filters
  const float* bias;                    ///< of all filters of the block
  int64_t count;                        ///< blocks side by side; 1 where there is a tile
  float* tile;            ///< sums go to [pixel][filter] of this and are not finished; nullptr: to y
  float* y;               ///< the first pixel's
  const float* residual;  ///< as y; nullptr: none
  int64_t y_step;         ///< from one output pixel to the next
  /// From y to each run of filters: of a vector, or of half a vector where `halves`.
  std::array<int64_t, 4> runs;
  int64_t run_count, last_used;  ///< runs that exist, and filters of the last vector that are stored
  bool halves;
  float low, high;
};

/// A tile of sums on its way into the output.
struct DirectTile {
  const float* sums;  ///< [pixel][filter], `width` filters wide
  int64_t pixels, filters, width;
  float* y;  ///< the first pixel's first filter
  const float* residual;
  int64_t pixel_step, filter_step;  ///< in floats; blocks of filters are taken one by one
  float low, high;
};

/// A row of output pixels of some filters, where pixels lie side by side on both ends (nchw). Steps and
/// segments are in bytes.
struct DirectPlaneRow {
  const float* x;  ///< what the first pixel reads under the first tap, of the first channel
  const int64_t* segments;
  int64_t segment_count, length, channel_step;
  const float* filters;  ///< [segment][channel][filter]
  const float* bias;     ///< nullptr: none
  float* y;              ///< the first pixel's first filter
  const float* residual;
  int64_t filter_step;  ///< from one filter's output to the next's
  int64_t pixels;       ///< at least a vector
  float low, high;
};

/// The loops for one vector width: blocks[vectors - 1][pixels - 1], planes[filters - 1].
struct DirectLoops {
  static constexpr int most_pixels = 14;
  using Block = void (*)(const DirectBlock& block);
  std::array<std::array<Block, most_pixels>, 2> blocks;
  void (*finish)(const DirectTile& tile);
  std::array<void (*)(const DirectPlaneRow& row), most_pixels> planes;
};

/// Output pixels of the largest block: with two vectors of filters all registers but three.
constexpr int direct_pixels(int lanes) {
  return lanes == 16 ? 14 : 6;
}

/// Each vector width is compiled in a file of its own.
template <int lanes>
DirectLoops direct_loops();
extern template DirectLoops direct_loops<16>();
extern template DirectLoops direct_loops<8>();
extern template DirectLoops direct_loops<4>();

/// A primitive that uses the best instructions of this machine up to `most`.
std::unique_ptr<Primitive> make_direct(Layout input, Layout output, Isa most);

}  // namespace raceline
