// How a layer is cut for Strassen's product: into bands of the image whose pixels, channels and filters are
// halved, and which seven products of the quarters there are.
#pragma once
#include <array>
#include <cstdint>
#include <vector>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/native/strassen.h"
#include "raceline/kernels/native/tile_shape.h"

namespace raceline {

/// One of the seven products: of a sum of quarters of the filters with a quarter of the image or a sum of
/// such, and what it is added to. This is the form of Winograd: 8 additions before the products, 7 after.
struct StrassenStep {
  enum class Tiles : int8_t { none = -1, q, v };
  std::array<int8_t, 4> filters;  ///< signs of (half of filters, half of channels) 00, 01, 10, 11
  StrassenFactor image;
  Tiles from, to;                  ///< to = from + product
  Tiles other;                     ///< y = other + product; none: nothing is written to y
  int8_t filter_half, pixel_half;  ///< of y
};

inline constexpr std::array<StrassenStep, 7> strassen_steps = [] {
  constexpr auto none = StrassenStep::Tiles::none, q = StrassenStep::Tiles::q, v = StrassenStep::Tiles::v;
  return std::array<StrassenStep, 7>{{
      {{1, 0, 0, 0}, StrassenFactor::q00, none, q, none, 0, 0},
      {{0, 1, 0, 0}, StrassenFactor::q10, none, none, q, 0, 0},
      {{-1, 0, 1, 1}, StrassenFactor::t2, q, q, none, 0, 0},
      {{1, 0, -1, 0}, StrassenFactor::t3, q, v, none, 0, 0},
      {{0, 0, 1, 1}, StrassenFactor::t1, q, q, v, 1, 1},
      {{1, 1, -1, -1}, StrassenFactor::q11, none, none, q, 0, 1},
      {{0, 0, 0, -1}, StrassenFactor::t4, none, none, v, 1, 0},
  }};
}();

/// Pixels of the output: rows times columns.
struct StrassenPixels {
  Slice rows, columns;
};

struct StrassenPlan {
  Conv2dShape conv;  ///< a kernel of 1x1 without padding has stride 1: its image has larger steps
  ImageForm x, y;
  int lanes;
  bool flat;    ///< all pixels of an image are one row
  bool copied;  ///< a band's image is copied with zeros around it; else it is read where it is
  bool near;    ///< quarters are multiplied where they are: pixels lie `lanes` floats apart
  int64_t channel_blocks, filter_vectors;  ///< vectors of a half
  int64_t bands, parts;                    ///< of an image; of a half's blocks of filters
  int64_t half_rows, half_columns;         ///< pixels of the largest half of a band
  int64_t window_rows, window_columns;     ///< of the image under them
  /// Parts of a window's row: in copies, columns of equal remainder by the stride lie together.
  int64_t phases;
  std::vector<int64_t> offsets;  ///< floats from a half's channels to each block of them, as bands are read
  std::vector<int64_t> near_segments;  ///< floats to each block under each tap, in quarters where they are
  std::vector<int64_t> segments;       ///< the same in sums and copies of quarters

  /// Of a layer as StrassenPrimitive supports it.
  static StrassenPlan of(const LayerDesc& layer, Layout layout, int lanes, int threads);

  /// Where a column of a window stands in a copied row.
  int64_t place(int64_t column) const {
    return column % phases * (window_columns / phases) + column / phases;
  }
  int64_t taps() const { return conv.kernel_h * conv.kernel_w; }
  int64_t filter_blocks() const { return ceil_div(filter_vectors, 2); }
  Slice vectors_of(int64_t block) const { return {2 * block, std::min(2 * block + 2, filter_vectors)}; }
  /// Products of a sum, in one of the seven matrices.
  int64_t depth() const { return channel_blocks * lanes * taps(); }
  /// Floats of one of the seven matrices: [filter block][channel block][tap][channel][filter].
  int64_t matrix_elements() const { return filter_vectors * lanes * depth(); }
  StrassenPixels half(int64_t band, int half) const;
  /// Floats from a block of a quarter's channels to the next, and of a quarter.
  int64_t quarter_step() const { return window_rows * window_columns * lanes; }
  int64_t quarter_elements() const { return channel_blocks * quarter_step(); }
  /// Floats of a band's sums and copies of quarters.
  int64_t factor_elements() const { return (near ? 4 : 7) * quarter_elements(); }
  /// Floats of a band's tiles, q or v.
  int64_t tile_elements() const { return filter_vectors * lanes * half_rows * half_columns; }
  /// Floats of a band's image with zeros around it.
  int64_t copy_elements() const { return copied ? 4 * quarter_elements() : 0; }
  /// Floats of scratch memory that one thread needs.
  int64_t scratch_elements() const { return factor_elements() + 2 * tile_elements() + copy_elements(); }
};

/// The seven sums of quarters of the filters, from [filter][channel][row][column].
void pack_strassen_filters(const StrassenPlan& plan, const float* filters, float* packed);

/// Copies what pixels read of an image, zeros around it included: [block][row][phase][column][lane].
void copy_strassen_window(const StrassenPlan& plan, const float* image, const StrassenPixels& pixels,
                          float* to);

}  // namespace raceline
