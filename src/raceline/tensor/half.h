// Floating-point numbers of 16 bits, and all conversions to and from them: by integer arithmetic, so that
// they are the same on every machine, rounding mode and treatment of subnormal numbers.
#pragma once
#include <algorithm>
#include <bit>
#include <cstdint>
#include <type_traits>

#include "raceline/tensor/data_type.h"

namespace raceline {

/// A number as it is stored: sign, exponent and fraction as in IEEE 754. It is computed with as a float,
/// which holds every one exactly.
template <int exponent_bits>
class SmallFloat {
 public:
  static constexpr int fraction_bits = 15 - exponent_bits;

  SmallFloat() = default;
  /// Rounds once to the nearest, ties to the even one; what is too large becomes infinite, and every NaN a
  /// quiet one.
  template <class T>
  requires std::is_arithmetic_v<T>
  constexpr explicit SmallFloat(T value) : bits_(encode(exact_enough(value))) {}
  static constexpr SmallFloat from_bits(uint16_t bits) {
    SmallFloat number;
    number.bits_ = bits;
    return number;
  }

  constexpr uint16_t bits() const { return bits_; }
  constexpr explicit operator float() const;
  constexpr explicit operator double() const { return static_cast<double>(static_cast<float>(*this)); }

 private:
  static constexpr uint16_t infinity = ((1 << exponent_bits) - 1) << fraction_bits;
  static constexpr int bias = (1 << (exponent_bits - 1)) - 1;

  /// A double that rounds to the same number: the value itself, or for integers of more digits than a double
  /// has, one whose last digit says whether any was lost.
  template <class T>
  static constexpr double exact_enough(T value) {
    if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
      const bool negative = value < 0;
      uint64_t magnitude = static_cast<uint64_t>(value);
      if (negative) magnitude = 0 - magnitude;
      constexpr uint64_t lost = 0xFFF;
      if (magnitude >> 52 != 0) magnitude = (magnitude & ~lost) | ((magnitude & lost) != 0 ? lost + 1 : 0);
      const auto number = static_cast<double>(magnitude);
      return negative ? -number : number;
    } else {
      return static_cast<double>(value);
    }
  }

  static constexpr uint64_t shift_rounded(uint64_t value, int shift) {
    return (value + (uint64_t{1} << (shift - 1)) - 1 + (value >> shift & 1)) >> shift;
  }

  static constexpr uint16_t encode(double value) {
    constexpr int fraction_of_double = 52;
    constexpr int cut = fraction_of_double - fraction_bits;
    constexpr uint64_t one = uint64_t{1} << fraction_of_double;
    constexpr uint64_t infinite = 0x7FF * one;
    constexpr int least_normal = 1023 - bias + 1;  ///< the exponent field of a double
    const auto bits = std::bit_cast<uint64_t>(value);
    const auto sign = static_cast<uint16_t>(bits >> 48 & 0x8000);
    const uint64_t magnitude = bits & ~(uint64_t{1} << 63);
    if (magnitude > infinite) {
      constexpr uint16_t quiet = 1 << (fraction_bits - 1);
      constexpr uint16_t payload = quiet - 1;
      return static_cast<uint16_t>(sign | infinity | quiet | (magnitude >> cut & payload));
    }
    const auto exponent = static_cast<int>(magnitude >> fraction_of_double);
    if (exponent >= least_normal) {
      const uint64_t rebiased = magnitude - static_cast<uint64_t>(least_normal - 1) * one;
      return static_cast<uint16_t>(sign | std::min<uint64_t>(shift_rounded(rebiased, cut), infinity));
    }
    // Multiples of the smallest number; so few of them that more than 54 digits are cut off are none.
    const int shift = cut + least_normal - exponent;
    if (exponent == 0 || shift > fraction_of_double + 2) return sign;
    const uint64_t significand = (magnitude & (one - 1)) | one;
    return static_cast<uint16_t>(sign | shift_rounded(significand, shift));
  }

  uint16_t bits_;
};

template <int exponent_bits>
constexpr SmallFloat<exponent_bits>::operator float() const {
  constexpr int cut = 23 - fraction_bits;
  const uint32_t sign = static_cast<uint32_t>(bits_ & 0x8000) << 16;
  uint32_t magnitude = static_cast<uint32_t>(bits_ & 0x7FFF);
  if constexpr (bias == 127) return std::bit_cast<float>(sign | magnitude << cut);
  if (magnitude >= infinity) {
    constexpr uint32_t infinite = 0x7F800000;
    return std::bit_cast<float>(sign | infinite | (magnitude & ((1u << fraction_bits) - 1)) << cut);
  }
  int exponent = 127 - bias;
  if (magnitude == 0) {
    exponent = 0;
  } else if (magnitude >> fraction_bits == 0) {
    // A multiple of the smallest number: its first digit goes where that of a normal number stands.
    const int missing = fraction_bits + 1 - std::bit_width(magnitude);
    magnitude <<= missing;
    exponent -= missing;
  }
  return std::bit_cast<float>(sign | ((static_cast<uint32_t>(exponent) << 23) + (magnitude << cut)));
}

using Half = SmallFloat<5>;      ///< IEEE's binary16, DataType::f16
using BFloat16 = SmallFloat<8>;  ///< the first 16 bits of a float, DataType::bf16

template <>
inline constexpr DataType data_type_of<Half> = DataType::f16;
template <>
inline constexpr DataType data_type_of<BFloat16> = DataType::bf16;

inline bool is_half(DataType type) {
  return type == DataType::f16 || type == DataType::bf16;
}

}  // namespace raceline
