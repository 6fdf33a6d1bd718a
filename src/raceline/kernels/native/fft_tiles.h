// Two-dimensional Fourier transforms of a tile of T x T pixels for a vector of channels: along rows, then
// along columns, and back. The transform of real pixels is T * T / 2 complex positions: first two whose
// planes are the four real numbers of a tile, then the rest of the two columns that are real after the first
// step (0 and T / 2), then the whole columns 1 to T / 2 - 1.
#pragma once
#include "raceline/kernels/native/fft_transforms.h"
#include "raceline/kernels/native/tile_stages.h"

namespace raceline {

/// Between the two steps: planes of T vectors, one for each row; those of column k are 2k and 2k + 1, but
/// columns 0 and T / 2 have planes 0 and 1.
template <int lanes, int T>
struct FftHalf {
  alignas(64) float values[T * T * lanes];

  RACELINE_INLINE float* at(int64_t plane, int64_t row) { return values + (plane * T + row) * lanes; }
  RACELINE_INLINE const float* at(int64_t plane, int64_t row) const {
    return values + (plane * T + row) * lanes;
  }
};

/// The position of element j in [1, T / 2) of the transform of real column `line`, 0 or 1 for T / 2.
template <int T>
constexpr int64_t fft_real_position(int64_t line, int64_t j) {
  return 1 + line * (T / 2 - 1) + j;
}

/// The transforms of rows; those outside of the window are zeros.
template <int lanes, int T>
RACELINE_INLINE void fft_rows(const TileWindow& window, FftHalf<lanes, T>& half) {
  for (int64_t row = 0; row < T; ++row) {
    if (row < window.rows.first || row >= window.rows.last) {
      for (int64_t plane = 0; plane < T; ++plane) store<lanes>(half.at(plane, row), Vec<lanes>{});
      continue;
    }
    const float* x = window.x + row * window.row_step;
    int64_t pixel_step = window.pixel_step;
    alignas(64) float padded[T * lanes];
    if (window.columns.size() != T) {
      for (int64_t column = 0; column < T; ++column) {
        Vec<lanes> pixel = {};
        if (column >= window.columns.first && column < window.columns.last)
          load<lanes>(pixel, x + column * pixel_step);
        store<lanes>(padded + column * lanes, pixel);
      }
      x = padded;
      pixel_step = lanes;
    }
    Complex<lanes> line[T / 2 + 1];
    real_fft<lanes, T, 0, 1>([&](auto column, Vec<lanes>& pixel)
                                 RACELINE_LAMBDA { load<lanes>(pixel, x + column * pixel_step); },
                             line);
    store<lanes>(half.at(0, row), line[0].re);
    store<lanes>(half.at(1, row), line[T / 2].re);
    unrolled<T / 2 - 1>([&](auto k) RACELINE_LAMBDA {
      store<lanes>(half.at(2 * k + 2, row), line[k + 1].re);
      store<lanes>(half.at(2 * k + 3, row), line[k + 1].im);
    });
  }
}

/// Writes the positions of a window, `step` floats apart; the imaginary plane follows on the real one.
template <int lanes, int T>
RACELINE_INLINE void fft_input(const TileWindow& window, float* v, int64_t step) {
  FftHalf<lanes, T> half;
  fft_rows<lanes, T>(window, half);
  for (int64_t line = 0; line < 2; ++line) {
    Complex<lanes> out[T / 2 + 1];
    real_fft<lanes, T, 0, 1>(
        [&](auto row, Vec<lanes>& value) RACELINE_LAMBDA { load<lanes>(value, half.at(line, row)); }, out);
    store<lanes>(v + line * step, out[0].re);
    store<lanes>(v + line * step + lanes, out[T / 2].re);
    unrolled<T / 2 - 1>([&](auto j) RACELINE_LAMBDA {
      float* to = v + fft_real_position<T>(line, j + 1) * step;
      store<lanes>(to, out[j + 1].re);
      store<lanes>(to + lanes, out[j + 1].im);
    });
  }
  for (int64_t k = 1; k < T / 2; ++k) {
    Complex<lanes> out[T];
    complex_fft<lanes, T, 0, 1>(
        [&](auto row, Complex<lanes>& value) RACELINE_LAMBDA {
          load<lanes>(value.re, half.at(2 * k, row));
          load<lanes>(value.im, half.at(2 * k + 1, row));
        },
        out);
    float* to = v + k * T * step;
    unrolled<T>([&](auto j) RACELINE_LAMBDA {
      store<lanes>(to + j * step, out[j].re);
      store<lanes>(to + j * step + lanes, out[j].im);
    });
  }
}

/// Transforms the positions back and puts every `stride`-th pixel, times T * T. The imaginary plane lies
/// `plane_step` behind the real one.
template <int lanes, int T>
RACELINE_INLINE void fft_output(const float* m, int64_t step, int64_t plane_step, int64_t stride_h,
                                int64_t stride_w, const TileTarget<lanes>& target) {
  FftHalf<lanes, T> half;
  for (int64_t line = 0; line < 2; ++line) {
    Complex<lanes> in[T / 2 + 1];
    load<lanes>(in[0].re, m + line * step);
    load<lanes>(in[T / 2].re, m + line * step + plane_step);
    unrolled<T / 2 - 1>([&](auto j) RACELINE_LAMBDA {
      const float* from = m + fft_real_position<T>(line, j + 1) * step;
      load<lanes>(in[j + 1].re, from);
      load<lanes>(in[j + 1].im, from + plane_step);
    });
    inverse_real_fft<lanes, T, 0, 1>(in, [&](auto row, const Vec<lanes>& value)
                                             RACELINE_LAMBDA { store<lanes>(half.at(line, row), value); });
  }
  for (int64_t k = 1; k < T / 2; ++k) {
    // The inverse is the transform with real and imaginary parts exchanged on both sides.
    const float* from = m + k * T * step;
    Complex<lanes> out[T];
    complex_fft<lanes, T, 0, 1>(
        [&](auto j, Complex<lanes>& value) RACELINE_LAMBDA {
          load<lanes>(value.im, from + j * step);
          load<lanes>(value.re, from + j * step + plane_step);
        },
        out);
    unrolled<T>([&](auto row) RACELINE_LAMBDA {
      store<lanes>(half.at(2 * k, row), out[row].im);
      store<lanes>(half.at(2 * k + 1, row), out[row].re);
    });
  }
  for (int64_t row = 0; row < target.rows; ++row) {
    Complex<lanes> in[T / 2 + 1];
    load<lanes>(in[0].re, half.at(0, row * stride_h));
    load<lanes>(in[T / 2].re, half.at(1, row * stride_h));
    unrolled<T / 2 - 1>([&](auto k) RACELINE_LAMBDA {
      load<lanes>(in[k + 1].re, half.at(2 * k + 2, row * stride_h));
      load<lanes>(in[k + 1].im, half.at(2 * k + 3, row * stride_h));
    });
    alignas(64) float pixels[T * lanes];
    inverse_real_fft<lanes, T, 0, 1>(in, [&](auto column, const Vec<lanes>& value) RACELINE_LAMBDA {
      store<lanes>(pixels + column * lanes, value);
    });
    for (int64_t column = 0; column < target.columns; ++column) {
      Vec<lanes> pixel;
      load<lanes>(pixel, pixels + column * stride_w * lanes);
      target.put(row, column, pixel);
    }
  }
}

}  // namespace raceline
