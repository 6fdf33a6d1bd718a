// FFT's transform of the filters, in double precision, by the definition along each axis.
#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "raceline/kernels/native/fft.h"
#include "raceline/kernels/native/fft_tiles.h"

namespace raceline {
namespace {

/// Factors exp(+2 pi i k * place / T) of a tap in all T lines: the conjugate transform.
struct TapFactors {
  std::vector<double> cosine, sine;

  TapFactors(int64_t taps, int64_t dilation, int64_t tile) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      for (int64_t k = 0; k < tile; ++k) {
        const auto turns = static_cast<double>(tap * dilation * k % tile) / static_cast<double>(tile);
        cosine.push_back(std::cos(2 * std::numbers::pi * turns));
        sine.push_back(std::sin(2 * std::numbers::pi * turns));
      }
    }
  }
};

/// Where column k, row j of a transform stands: a position, and whether its planes are both real there (j is
/// 0 or T / 2 in columns 0 and T / 2).
struct Place {
  int64_t position;
  int real_plane;  ///< -1: complex
};

Place place_of(int64_t k, int64_t j, int64_t tile) {
  if (k > 0 && k < tile / 2) return {k * tile + j, -1};
  const int64_t line = k == 0 ? 0 : 1;
  if (j == 0) return {line, 0};
  if (j == tile / 2) return {line, 1};
  return {1 + line * (tile / 2 - 1) + j, -1};
}

}  // namespace

void pack_fft_filters(const TileShape& shape, const float* filters, float* packed) {
  const Conv2dShape& conv = shape.conv;
  const int64_t tile = shape.size.window_h, lines = tile / 2 + 1, taps = conv.kernel_h * conv.kernel_w;
  const TapFactors vertical(conv.kernel_h, conv.dilation_h, tile);
  const TapFactors horizontal(conv.kernel_w, conv.dilation_w, tile);
  const double scale = 1.0 / static_cast<double>(tile * tile);
  // [line][filter]: loops over filters are vectors.
  const int64_t wide = shape.wide();
  std::vector<double> re(static_cast<size_t>(tile * wide)), im(re.size());
  std::vector<double> re_taps(static_cast<size_t>(wide)), im_taps(re_taps.size());
  pack_tile_filters(shape, packed, [&](Slice some, int64_t channel, float* to, int64_t step) {
    const int64_t count = some.size();
    const float* from = filters + (some.first * conv.channels + channel) * taps;
    const int64_t next_filter = conv.channels * taps;
    for (int64_t k = 0; k < lines; ++k) {
      std::fill(re.begin(), re.end(), 0.0);
      std::fill(im.begin(), im.end(), 0.0);
      for (int64_t row = 0; row < conv.kernel_h; ++row) {
        std::fill(re_taps.begin(), re_taps.end(), 0.0);
        std::fill(im_taps.begin(), im_taps.end(), 0.0);
        vectorised(
            [&, a = re_taps.data(), b = im_taps.data(), re = re.data(), im = im.data()]() RACELINE_LAMBDA {
              for (int64_t column = 0; column < conv.kernel_w; ++column) {
                const float* tap = from + row * conv.kernel_w + column;
                const double cosine = scale * horizontal.cosine[static_cast<size_t>(column * tile + k)];
                const double sine = scale * horizontal.sine[static_cast<size_t>(column * tile + k)];
                for (int64_t i = 0; i < count; ++i) {
                  a[i] += cosine * tap[i * next_filter];
                  b[i] += sine * tap[i * next_filter];
                }
              }
              for (int64_t j = 0; j < tile; ++j) {
                const double cosine = vertical.cosine[static_cast<size_t>(row * tile + j)];
                const double sine = vertical.sine[static_cast<size_t>(row * tile + j)];
                for (int64_t i = 0; i < count; ++i) {
                  re[j * wide + i] += a[i] * cosine - b[i] * sine;
                  im[j * wide + i] += a[i] * sine + b[i] * cosine;
                }
              }
            });
      }
      const bool real = k == 0 || k == tile / 2;
      for (int64_t j = 0; j < (real ? lines : tile); ++j) {
        const Place place = place_of(k, j, tile);
        float* at = to + (2 * place.position + (place.real_plane == 1 ? 1 : 0)) * step;
        for (int64_t i = 0; i < count; ++i) at[i] = static_cast<float>(re.data()[j * wide + i]);
        if (place.real_plane >= 0) continue;
        for (int64_t i = 0; i < count; ++i) at[step + i] = static_cast<float>(im.data()[j * wide + i]);
      }
    }
  });
}

}  // namespace raceline
