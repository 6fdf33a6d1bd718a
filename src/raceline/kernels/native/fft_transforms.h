// Discrete Fourier transforms of 2 to 32 points as straight-line vector code, each lane a transform of its
// own. Complex ones by splitting into a half and two quarters (split radix), real ones into two halves.
// Source: Duhamel and Hollmann 1984; Sorensen et al. 1987. Nothing is scaled: there and back multiplies by n.
#pragma once
#include <array>

#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// cos and sin of 2 pi k / 32 for k in [0, 32), by Taylor's series in the first octant.
struct FftCircle {
  std::array<double, 32> cosine{}, sine{};

  constexpr FftCircle() {
    constexpr double sixteenth = 3.14159265358979323846 / 16;
    for (int k = 0; k <= 4; ++k) {
      const double x = k * sixteenth;
      double c = 0, s = 0, power = 1;
      for (int n = 0; n < 24; ++n) {
        (n % 2 == 0 ? c : s) += n % 4 < 2 ? power : -power;
        power *= x / (n + 1);
      }
      cosine[k] = sine[8 - k] = c;
      sine[k] = cosine[8 - k] = s;
    }
    for (int k = 9; k < 32; ++k) {
      cosine[k] = -sine[k - 8];
      sine[k] = cosine[k - 8];
    }
  }
};
inline constexpr FftCircle fft_circle;

template <int n, int k>
inline constexpr float fft_cos = static_cast<float>(fft_circle.cosine[k * (32 / n) % 32]);
template <int n, int k>
inline constexpr float fft_sin = static_cast<float>(fft_circle.sine[k * (32 / n) % 32]);

template <int lanes>
struct Complex {
  Vec<lanes> re, im;
};

/// to = from * exp(-2 pi i k / n).
template <int lanes, int n, int k>
RACELINE_INLINE void turn(const Complex<lanes>& from, Complex<lanes>& to) {
  if constexpr (k == 0) {
    to = from;
  } else {
    to.re = fft_cos<n, k> * from.re + fft_sin<n, k> * from.im;
    to.im = fft_cos<n, k> * from.im - fft_sin<n, k> * from.re;
  }
}

/// out[k] = sum over j of exp(-2 pi i j k / n) * load(first + j * step). load(integral_constant, Complex&).
template <int lanes, int n, int first, int step, class Load>
RACELINE_INLINE void complex_fft(const Load& load, Complex<lanes> (&out)[n]) {
  if constexpr (n == 1) {
    load(std::integral_constant<int, first>{}, out[0]);
  } else if constexpr (n == 2) {
    Complex<lanes> a, b;
    load(std::integral_constant<int, first>{}, a);
    load(std::integral_constant<int, first + step>{}, b);
    out[0] = {a.re + b.re, a.im + b.im};
    out[1] = {a.re - b.re, a.im - b.im};
  } else {
    constexpr int quarter = n / 4;
    Complex<lanes> even[n / 2], one[quarter], three[quarter];
    complex_fft<lanes, n / 2, first, 2 * step>(load, even);
    complex_fft<lanes, quarter, first + step, 4 * step>(load, one);
    complex_fft<lanes, quarter, first + 3 * step, 4 * step>(load, three);
    unrolled<quarter>([&](auto k) RACELINE_LAMBDA {
      Complex<lanes> a, b;
      turn<lanes, n, k>(one[k], a);
      turn<lanes, n, 3 * k>(three[k], b);
      const Complex<lanes> sum = {a.re + b.re, a.im + b.im}, difference = {a.re - b.re, a.im - b.im};
      const Complex<lanes>&u = even[k], &w = even[k + quarter];
      out[k] = {u.re + sum.re, u.im + sum.im};
      out[k + 2 * quarter] = {u.re - sum.re, u.im - sum.im};
      out[k + quarter] = {w.re + difference.im, w.im - difference.re};
      out[k + 3 * quarter] = {w.re - difference.im, w.im + difference.re};
    });
  }
}

/// The first half of the transform of real values, which is that of a conjugate whole: out[0] and out[n / 2]
/// are real, and what their im holds means nothing. load(integral_constant, Vec&).
template <int lanes, int n, int first, int step, class Load>
RACELINE_INLINE void real_fft(const Load& load, Complex<lanes> (&out)[n / 2 + 1]) {
  if constexpr (n == 2) {
    Vec<lanes> a, b;
    load(std::integral_constant<int, first>{}, a);
    load(std::integral_constant<int, first + step>{}, b);
    out[0].re = a + b;
    out[1].re = a - b;
  } else {
    constexpr int half = n / 2;
    Complex<lanes> even[half / 2 + 1], odd[half / 2 + 1];
    real_fft<lanes, half, first, 2 * step>(load, even);
    real_fft<lanes, half, first + step, 2 * step>(load, odd);
    out[0].re = even[0].re + odd[0].re;
    out[half].re = even[0].re - odd[0].re;
    out[half / 2].re = even[half / 2].re;
    out[half / 2].im = -odd[half / 2].re;
    unrolled<half / 2 - 1>([&](auto at) RACELINE_LAMBDA {
      constexpr int k = at + 1;
      Complex<lanes> turned;
      turn<lanes, n, k>(odd[k], turned);
      out[k] = {even[k].re + turned.re, even[k].im + turned.im};
      out[half - k] = {even[k].re - turned.re, turned.im - even[k].im};
    });
  }
}

/// The real values whose transform begins with `in`, times n. store(integral_constant, const Vec&).
template <int lanes, int n, int first, int step, class Store>
RACELINE_INLINE void inverse_real_fft(const Complex<lanes> (&in)[n / 2 + 1], const Store& store) {
  if constexpr (n == 2) {
    store(std::integral_constant<int, first>{}, in[0].re + in[1].re);
    store(std::integral_constant<int, first + step>{}, in[0].re - in[1].re);
  } else {
    constexpr int half = n / 2;
    Complex<lanes> even[half / 2 + 1], odd[half / 2 + 1];
    even[0].re = in[0].re + in[half].re;
    odd[0].re = in[0].re - in[half].re;
    even[half / 2].re = in[half / 2].re + in[half / 2].re;
    odd[half / 2].re = -(in[half / 2].im + in[half / 2].im);
    unrolled<half / 2 - 1>([&](auto at) RACELINE_LAMBDA {
      constexpr int k = at + 1;
      const Complex<lanes>&a = in[k], &b = in[half - k];
      even[k] = {a.re + b.re, a.im - b.im};
      // Turned back: by the conjugate of what the transform turned by.
      const Complex<lanes> swapped = {a.im + b.im, a.re - b.re};
      Complex<lanes> turned;
      turn<lanes, n, k>(swapped, turned);
      odd[k] = {turned.im, turned.re};
    });
    inverse_real_fft<lanes, half, first, 2 * step>(even, store);
    inverse_real_fft<lanes, half, first + step, 2 * step>(odd, store);
  }
}

}  // namespace raceline
