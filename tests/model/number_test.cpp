// Elements of 16-bit types are the numbers they stand for.
#include "raceline/model/number.h"

#include <cmath>
#include <limits>

#include "tests/model/testing.h"

namespace raceline {
namespace {

uint16_t half_of(double value) {
  return filled(DataType::f16, {1}, value).data<uint16_t>()[0];
}

double value_of(DataType type, uint16_t bits) {
  Tensor tensor({type, {1}});
  tensor.data<uint16_t>()[0] = bits;
  return first_element(tensor.view()).value();
}

TEST(Number, EveryHalfIsReadAndWrittenBack) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    const double value = value_of(DataType::f16, static_cast<uint16_t>(bits));
    if (std::isnan(value)) {
      EXPECT_GT(bits & 0x7FFF, 0x7C00);
    } else {
      EXPECT_EQ(half_of(value), bits);
    }
  }
}

TEST(Number, HalvesRoundToTheNearestEven) {
  EXPECT_EQ(half_of(1), 0x3C00);
  EXPECT_EQ(half_of(-2.5), 0xC100);
  EXPECT_EQ(half_of(1 + std::ldexp(1, -11)), 0x3C00);
  EXPECT_EQ(half_of(1 + 3 * std::ldexp(1, -11)), 0x3C02);
  EXPECT_EQ(half_of(65504), 0x7BFF);
  EXPECT_EQ(half_of(65519.99), 0x7BFF);
  EXPECT_EQ(half_of(65520), 0x7C00);
  EXPECT_EQ(half_of(std::ldexp(1, -24)), 1);
  EXPECT_EQ(half_of(std::ldexp(1, -25)), 0);
  EXPECT_EQ(half_of(1.5 * std::ldexp(1, -25)), 1);
  EXPECT_EQ(half_of(-0.0), 0x8000);
  EXPECT_EQ(half_of(-std::numeric_limits<double>::infinity()), 0xFC00);
}

TEST(Number, BfloatsRoundToTheNearestEven) {
  const auto bits = [](double value) { return filled(DataType::bf16, {1}, value).data<uint16_t>()[0]; };
  EXPECT_EQ(bits(1), 0x3F80);
  EXPECT_EQ(bits(1 + std::ldexp(1, -8)), 0x3F80);
  EXPECT_EQ(bits(1 + 3 * std::ldexp(1, -8)), 0x3F82);
  EXPECT_EQ(value_of(DataType::bf16, 0xC040), -3);
}

TEST(Number, IntegersThatADoubleCannotHoldAreAbsent) {
  const int64_t large = (int64_t{1} << 60) + 1;
  EXPECT_FALSE(first_element(Tensor::of<int64_t>({1}, std::span(&large, 1)).view()));
  const int64_t small = -12345;
  EXPECT_EQ(first_element(Tensor::of<int64_t>({1}, std::span(&small, 1)).view()), -12345);
}

TEST(Number, OutOfATypesRangeIsItsNearestEnd) {
  const double inf = std::numeric_limits<double>::infinity();
  EXPECT_EQ(filled(DataType::u8, {1}, inf).data<uint8_t>()[0], 255);
  EXPECT_EQ(filled(DataType::i8, {1}, -1e30).data<int8_t>()[0], -128);
  EXPECT_EQ(filled(DataType::i64, {1}, inf).data<int64_t>()[0], std::numeric_limits<int64_t>::max());
  EXPECT_EQ(filled(DataType::u32, {1}, -1).data<uint32_t>()[0], 0u);
  EXPECT_EQ(filled(DataType::i32, {1}, std::nan("")).data<int32_t>()[0], 0);
}

}  // namespace
}  // namespace raceline
