// Winograd's transform of the filters, in double precision.
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
  const int64_t rows = size.window_h(), columns = size.window_w();
  const std::vector<double> vertical = filter_matrix(size.window_h(), size.r_h);
  const std::vector<double> horizontal = filter_matrix(size.window_w(), size.r_w);
  std::vector<double> half(static_cast<size_t>(rows) * static_cast<size_t>(size.r_w));
  pack_tile_filters(shape, packed, [&](int64_t filter, int64_t channel, float* to, int64_t step) {
    const float* taps = filters + (filter * shape.conv.channels + channel) * size.r_h * size.r_w;
    for (int64_t row = 0; row < rows; ++row) {
      const double* factors = vertical.data() + row * size.r_h;
      for (int64_t column = 0; column < size.r_w; ++column) {
        double sum = 0;
        for (int64_t tap = 0; tap < size.r_h; ++tap) sum += factors[tap] * taps[tap * size.r_w + column];
        half.data()[row * size.r_w + column] = sum;
      }
    }
    for (int64_t position = 0; position < rows * columns; ++position) {
      const double* from = half.data() + position / columns * size.r_w;
      const double* entries = horizontal.data() + position % columns * size.r_w;
      double sum = 0;
      for (int tap = 0; tap < size.r_w; ++tap) sum += from[tap] * entries[tap];
      to[position * step] = static_cast<float>(sum);
    }
  });
}

}  // namespace raceline
