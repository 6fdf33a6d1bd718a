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
  std::vector<double> re(static_cast<size_t>(tile)), im(re.size());
  pack_tile_filters(shape, packed, [&](int64_t filter, int64_t channel, float* to, int64_t step) {
    const float* from = filters + (filter * conv.channels + channel) * taps;
    for (int64_t k = 0; k < lines; ++k) {
      std::fill(re.begin(), re.end(), 0.0);
      std::fill(im.begin(), im.end(), 0.0);
      for (int64_t row = 0; row < conv.kernel_h; ++row) {
        double a = 0, b = 0;
        for (int64_t column = 0; column < conv.kernel_w; ++column) {
          const double tap = from[row * conv.kernel_w + column] * scale;
          a += tap * horizontal.cosine[static_cast<size_t>(column * tile + k)];
          b += tap * horizontal.sine[static_cast<size_t>(column * tile + k)];
        }
        const double* cosine = vertical.cosine.data() + row * tile;
        const double* sine = vertical.sine.data() + row * tile;
        for (int64_t j = 0; j < tile; ++j) {
          re.data()[j] += a * cosine[j] - b * sine[j];
          im.data()[j] += a * sine[j] + b * cosine[j];
        }
      }
      const bool real = k == 0 || k == tile / 2;
      for (int64_t j = 0; j < (real ? lines : tile); ++j) {
        const Place place = place_of(k, j, tile);
        float* at = to + 2 * place.position * step;
        if (place.real_plane >= 0) {
          at[place.real_plane * step] = static_cast<float>(re.data()[j]);
        } else {
          at[0] = static_cast<float>(re.data()[j]);
          at[step] = static_cast<float>(im.data()[j]);
        }
      }
    }
  });
}

}  // namespace raceline
