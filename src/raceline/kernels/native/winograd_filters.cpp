// Winograd's transform of the filters, in double precision, before a layer runs.
#include <vector>

#include "raceline/kernels/native/winograd.h"
#include "raceline/kernels/native/winograd_matrices.h"

namespace raceline {
namespace {

/// Entry of G for an axis whose window has `alpha` points.
double filter_entry(int alpha, int position, int tap, int taps) {
  switch (alpha) {
    case 4:
      return WinogradPoints<4>::filter(position, tap, taps);
    case 6:
      return WinogradPoints<6>::filter(position, tap, taps);
    case 8:
      return WinogradPoints<8>::filter(position, tap, taps);
    case 10:
      return WinogradPoints<10>::filter(position, tap, taps);
    default:
      return WinogradPoints<1>::filter(position, tap, taps);
  }
}

/// to[i] = sum over k of factors[k] * from[k * step + i], for i < count.
RACELINE_INLINE void combine(const double* factors, int64_t terms, const double* from, int64_t step,
                             int64_t count, double* to) {
  for (int64_t i = 0; i < count; ++i) to[i] = factors[0] * from[i];
  for (int64_t k = 1; k < terms; ++k) {
    for (int64_t i = 0; i < count; ++i) to[i] += factors[k] * from[k * step + i];
  }
}

std::vector<double> filter_matrix(int alpha, int taps) {
  std::vector<double> matrix;
  for (int position = 0; position < alpha; ++position) {
    for (int tap = 0; tap < taps; ++tap) matrix.push_back(filter_entry(alpha, position, tap, taps));
  }
  return matrix;
}

}  // namespace

void pack_winograd_filters(const TileShape& shape, const WinogradSize& size, const float* filters,
                           float* packed) {
  const int64_t rows = size.window_h(), columns = size.window_w(), r_h = size.r_h, r_w = size.r_w;
  const int64_t channels = shape.conv.channels, wide = shape.wide();
  const bool lazy = shape.size.row_taps > 0;
  const std::vector<double> vertical = filter_matrix(size.window_h(), size.r_h);
  const std::vector<double> horizontal = filter_matrix(size.window_w(), size.r_w);
  // [tap or entry][filter]: loops over filters are vectors.
  std::vector<double> taps(static_cast<size_t>(r_h * r_w * wide)),
      half(static_cast<size_t>(rows * r_w * wide));
  std::vector<double> sums(static_cast<size_t>(wide));
  pack_tile_filters(shape, packed, [&](Slice some, int64_t channel, float* to, int64_t step) {
    const int64_t count = some.size();
    for (int64_t i = 0; i < count; ++i) {
      const float* from = filters + ((some.first + i) * channels + channel) * r_h * r_w;
      for (int64_t tap = 0; tap < r_h * r_w; ++tap) taps.data()[tap * wide + i] = from[tap];
    }
    vectorised([&, taps = taps.data(), half = half.data(), sums = sums.data()]() RACELINE_LAMBDA {
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t column = 0; column < r_w; ++column) {
          combine(vertical.data() + row * r_h, r_h, taps + column * wide, r_w * wide, count,
                  half + (row * r_w + column) * wide);
        }
      }
      const int64_t positions = lazy ? rows * r_w : rows * columns;
      for (int64_t position = 0; position < positions; ++position) {
        const double* from = half + position * wide;
        if (!lazy) {
          combine(horizontal.data() + position % columns * r_w, r_w, half + position / columns * r_w * wide,
                  wide, count, sums);
          from = sums;
        }
        for (int64_t i = 0; i < count; ++i) to[position * step + i] = static_cast<float>(from[i]);
      }
    });
  });
}

}  // namespace raceline
