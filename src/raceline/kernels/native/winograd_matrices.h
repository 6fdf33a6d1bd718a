// The matrices of Winograd's minimal filtering F(m, r) by the construction of Toom and Cook, from points that
// come as 0, pairs +a and -a, and infinity. Source: Lavin and Gray 2015; Blahut, Fast Algorithms for Signal
// Processing, chapter 5. With m + r - 1 = alpha points, the transform of the input depends on alpha alone.
#pragma once
#include <array>

namespace raceline {

/// The a of the pairs: those of small fractions that gave the least error, by trying all. For alpha = 6 it is
/// a quarter of the error of the customary 1 and 2.
template <int alpha>
struct WinogradPairs;
template <>
struct WinogradPairs<4> {
  static constexpr std::array<double, 1> values = {1};
};
template <>
struct WinogradPairs<6> {
  static constexpr std::array<double, 2> values = {0.625, 1.5};
};
template <>
struct WinogradPairs<8> {
  static constexpr std::array<double, 3> values = {0.625, 1, 1.75};
};
template <>
struct WinogradPairs<10> {
  static constexpr std::array<double, 4> values = {0.5, 0.75, 1.25, 2};
};

/// Positions: 0 is the point 0, 1 + 2i and 2 + 2i are the pair i, the last is infinity.
template <int alpha>
struct WinogradPoints {
  static constexpr int pairs = (alpha - 2) / 2;
  static constexpr auto points = WinogradPairs<alpha>::values;

  /// Coefficients, lowest first, of the product of (z - b * b) over all pairs b but `without` (-1: over all).
  static constexpr std::array<double, pairs + 1> product(int without) {
    std::array<double, pairs + 1> result{};
    result[0] = 1;
    for (int pair = 0; pair < pairs; ++pair) {
      if (pair == without) continue;
      const double square = points[pair] * points[pair];
      for (int k = pairs; k >= 0; --k) result[k] = (k > 0 ? result[k - 1] : 0) - square * result[k];
    }
    return result;
  }
  static constexpr double power(double base, int exponent) {
    double result = 1;
    for (int i = 0; i < exponent; ++i) result *= base;
    return result;
  }
  /// Row `position` of G for a filter of `taps`, in column `tap`.
  static constexpr double filter(int position, int tap, int taps) {
    if (position == alpha - 1) return tap == taps - 1 ? 1 : 0;
    if (position == 0) return tap == 0 ? 1 / product(-1)[0] : 0;
    const int pair = (position - 1) / 2;
    const double a = points[pair];
    const std::array<double, pairs + 1> others = product(pair);
    double scale = 0;
    for (int k = pairs; k >= 0; --k) scale = scale * a * a + others[k];
    return power(position % 2 == 1 ? a : -a, tap) / (2 * a * a * scale);
  }
};

/// An axis along which nothing is transformed: kernels of 1 in one direction.
template <>
struct WinogradPoints<1> {
  static constexpr double filter(int, int, int) { return 1; }
};

}  // namespace raceline
