// Exponentials without branches or calls, for loops that the compiler vectorises.
#pragma once
#include <bit>
#include <cstdint>

#include "raceline/kernels/common/target.h"

namespace raceline {

/// 2^n * (1 + q) = exp(x): argument reduction by Cody and Waite, q by Taylor's series to degree 7 on
/// |r| <= ln(2) / 2, where what is cut off is below 2^-26 of the result. NaN gives NaN in q.
struct ExpParts {
  float q;
  float scale_1, scale_2;  ///< 2^n as a product of two: 2^n alone is out of range where exp(x) is subnormal
};

RACELINE_INLINE ExpParts exp_parts(float x) {
  // Beyond these ends the result is infinite or 0. Comparisons are written so that NaN passes.
  float t = x < -104.0f ? -104.0f : x;
  t = t > 89.0f ? 89.0f : t;
  // Adding 1.5 * 2^23 rounds to an integer, which is then also in the low bits of the sum.
  constexpr float magic = 12582912.0f;
  const float shifted = t * 1.44269504f + magic;
  const float n = shifted - magic;
  const int32_t power =
      static_cast<int32_t>(std::bit_cast<uint32_t>(shifted) - std::bit_cast<uint32_t>(magic));
  // ln(2) in two parts; n * 0.693359375 is exact.
  const float r = (t - n * 0.693359375f) - n * -2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  const int32_t half = power >> 1;
  const uint32_t bits_1 = (static_cast<uint32_t>(half) + 127u) << 23;
  const uint32_t bits_2 = (static_cast<uint32_t>(power) - static_cast<uint32_t>(half) + 127u) << 23;
  return {r + r * r * p, std::bit_cast<float>(bits_1), std::bit_cast<float>(bits_2)};
}

/// exp(x) to 2 units in the last place; NaN gives NaN.
RACELINE_INLINE float vector_exp(float x) {
  const ExpParts e = exp_parts(x);
  return (1.0f + e.q) * e.scale_1 * e.scale_2;
}

/// exp(x) - 1, accurate near 0 too. For x <= 0.
RACELINE_INLINE float vector_expm1(float x) {
  const ExpParts e = exp_parts(x);
  const float scale = e.scale_1 * e.scale_2;
  return scale * e.q + (scale - 1.0f);
}

RACELINE_INLINE float vector_sigmoid(float x) {
  const float e = vector_exp(x < 0 ? x : -x);
  const float numerator = x < 0 ? e : 1.0f;
  return numerator / (1.0f + e);
}

RACELINE_INLINE float vector_tanh(float x) {
  const float e = vector_expm1(x < 0 ? 2.0f * x : -2.0f * x);
  const float y = e / (2.0f + e);
  return x < 0 ? y : -y;
}

/// log(x) for positive normal x, to 2 units in the last place; other x give anything.
/// x = m * 2^e with m near 1, then an odd series in (m - 1) / (m + 1): log(m) = 2 artanh of it.
RACELINE_INLINE float vector_log(float x) {
  constexpr uint32_t sqrt_half = 0x3f3504f3;
  const uint32_t shifted = std::bit_cast<uint32_t>(x) - sqrt_half;
  const float e = static_cast<float>(static_cast<int32_t>(shifted) >> 23);
  const float m = std::bit_cast<float>((shifted & 0x7fffffu) + sqrt_half);
  const float f = m - 1.0f;
  const float s = f / (m + 1.0f);
  const float z = s * s;
  float p = 2.0f / 9;
  p = p * z + 2.0f / 7;
  p = p * z + 2.0f / 5;
  p = p * z + 2.0f / 3;
  return e * 0.693359375f + (e * -2.12194440e-4f + (2.0f * s + s * z * p));
}

}  // namespace raceline
