// Every pattern of 16 bits is the number that IEEE 754 says, and every number goes to the nearest pattern.
#include "raceline/tensor/half.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace raceline {
namespace {

/// By the definition of the format.
template <class Number>
double value_of(int bits) {
  constexpr int fraction_bits = Number::fraction_bits;
  constexpr int exponents = 1 << (15 - fraction_bits);
  const int fraction = bits & ((1 << fraction_bits) - 1);
  const int exponent = bits >> fraction_bits & (exponents - 1);
  const double sign = (bits & 0x8000) != 0 ? -1 : 1;
  if (exponent == exponents - 1) return fraction == 0 ? sign * HUGE_VAL : NAN;
  const int least = 2 - exponents / 2;  // the exponent of the smallest normal number, 1 - bias
  if (exponent == 0) return sign * std::ldexp(fraction, least - fraction_bits);
  return sign * std::ldexp(fraction + (1 << fraction_bits), least + exponent - 1 - fraction_bits);
}

template <class Number>
class SmallFloats : public testing::Test {
 protected:
  static constexpr int infinity = ((1 << (15 - Number::fraction_bits)) - 1) << Number::fraction_bits;
  static double number(int bits) {
    return static_cast<double>(Number::from_bits(static_cast<uint16_t>(bits)));
  }
};

using Formats = testing::Types<Half, BFloat16>;
TYPED_TEST_SUITE(SmallFloats, Formats);

TYPED_TEST(SmallFloats, every_pattern_is_its_number_and_comes_back) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const double got = this->number(bits);
    const double want = value_of<TypeParam>(bits);
    if (std::isnan(want)) {
      ASSERT_TRUE(std::isnan(got)) << bits;
      const int back = TypeParam(got).bits();
      ASSERT_EQ(back & 0x8000, bits & 0x8000);
      ASSERT_GT(back & 0x7FFF, this->infinity) << bits;
    } else {
      ASSERT_EQ(got, want) << bits;
      ASSERT_EQ(std::signbit(got), std::signbit(want));
      ASSERT_EQ(TypeParam(got).bits(), bits);
      ASSERT_EQ(TypeParam(static_cast<float>(got)).bits(), bits);
    }
  }
}

TYPED_TEST(SmallFloats, every_midpoint_goes_to_the_even_neighbour_and_what_lies_beside_it_to_the_nearer) {
  // The last midpoint is the one between the largest number and what would be the next: infinity.
  for (int bits = 0; bits < this->infinity; ++bits) {
    const double low = this->number(bits);
    const double high = bits + 1 < this->infinity ? this->number(bits + 1) : 2 * low - this->number(bits - 1);
    const double middle = (low + high) / 2;
    const double infinite = std::numeric_limits<double>::infinity();
    for (const double sign : {1.0, -1.0}) {
      const int sign_bit = sign < 0 ? 0x8000 : 0;
      ASSERT_EQ(TypeParam(sign * middle).bits(), sign_bit | (bits % 2 == 0 ? bits : bits + 1));
      ASSERT_EQ(TypeParam(sign * std::nextafter(middle, 0)).bits(), sign_bit | bits);
      ASSERT_EQ(TypeParam(sign * std::nextafter(middle, infinite)).bits(), sign_bit | (bits + 1));
    }
  }
}

TYPED_TEST(SmallFloats, what_is_too_large_is_infinite_and_what_is_too_small_is_zero) {
  const double least = std::numeric_limits<double>::denorm_min();
  const double largest = std::numeric_limits<double>::max();
  EXPECT_EQ(TypeParam(largest).bits(), this->infinity);
  EXPECT_EQ(TypeParam(-largest).bits(), 0x8000 | this->infinity);
  EXPECT_EQ(TypeParam(least).bits(), 0);
  EXPECT_EQ(TypeParam(-least).bits(), 0x8000);
  EXPECT_EQ(TypeParam(std::numeric_limits<double>::min()).bits(), 0);
}

TYPED_TEST(SmallFloats, a_nan_stays_one_whatever_its_payload) {
  for (const uint64_t payload : {uint64_t{1}, uint64_t{1} << 20, uint64_t{1} << 51}) {
    const double nan = std::bit_cast<double>(uint64_t{0x7FF} << 52 | payload);
    EXPECT_TRUE(std::isnan(static_cast<float>(TypeParam(nan)))) << payload;
  }
}

TEST(Half, known_numbers) {
  EXPECT_EQ(Half(1).bits(), 0x3C00);
  EXPECT_EQ(Half(-2.5).bits(), 0xC100);
  EXPECT_EQ(Half(65504).bits(), 0x7BFF);
  EXPECT_EQ(Half(65519.99).bits(), 0x7BFF);
  EXPECT_EQ(Half(65520).bits(), 0x7C00);
  EXPECT_EQ(Half(true).bits(), 0x3C00);
  EXPECT_EQ(BFloat16(-3).bits(), 0xC040);
}

TEST(BFloat16, integers_of_64_bits_are_rounded_once) {
  // The tie between 2^60 and its neighbour 2^60 + 2^53; one more is nearer to the neighbour, though a double
  // cannot tell.
  const int64_t tie = (int64_t{1} << 60) + (int64_t{1} << 52);
  EXPECT_EQ(BFloat16(tie).bits(), 0x5D80);
  EXPECT_EQ(BFloat16(tie + 1).bits(), 0x5D81);
  EXPECT_EQ(BFloat16(tie - 1).bits(), 0x5D80);
  EXPECT_EQ(BFloat16(-tie - 1).bits(), 0xDD81);
  EXPECT_EQ(BFloat16(std::numeric_limits<uint64_t>::max()).bits(), 0x5F80);
  EXPECT_EQ(BFloat16(std::numeric_limits<int64_t>::min()).bits(), 0xDF00);
  EXPECT_EQ(BFloat16(int64_t{-7}).bits(), 0xC0E0);
}

}  // namespace
}  // namespace raceline
