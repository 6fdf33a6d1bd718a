#include "raceline/model/number.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>

namespace raceline {
namespace {

constexpr double exact_integers = 9007199254740992.0;  // 2^53

template <class T>
std::optional<double> as_double(const TensorView& tensor) {
  const auto number = static_cast<double>(*tensor.data<T>());
  if (std::abs(number) > exact_integers) return std::nullopt;
  return number;
}

// An IEEE half: sign, 5 bits of exponent (bias 15), 10 of fraction. Below 2^-14 they are multiples of 2^-24.
constexpr int half_fraction_bits = 10;
constexpr int half_least_exponent = -14;
constexpr uint16_t half_infinity = 0x7C00;
constexpr uint16_t half_nan = 0x7E00;

double half_value(uint16_t bits) {
  const int exponent = bits >> half_fraction_bits & 0x1F;
  const int fraction = bits & 0x3FF;
  double value = 0;
  if (exponent == 0x1F) {
    value = fraction == 0 ? HUGE_VAL : NAN;
  } else if (exponent == 0) {
    value = std::ldexp(fraction, half_least_exponent - half_fraction_bits);
  } else {
    value = std::ldexp(fraction + 0x400, exponent + half_least_exponent - 1 - half_fraction_bits);
  }
  return bits >> 15 != 0 ? -value : value;
}

/// Rounds to the nearest, ties to even; what is too large becomes infinite.
uint16_t bits_of_half(double value) {
  if (std::isnan(value)) return half_nan;
  const uint16_t sign = std::signbit(value) ? 0x8000 : 0;
  const double magnitude = std::abs(value);
  if (magnitude == 0) return sign;
  constexpr double past_largest = 65520;
  if (magnitude >= past_largest) return sign | half_infinity;
  const int exponent = std::max(std::ilogb(magnitude), half_least_exponent);
  // Counted in units of the last place: 1024 to 2048 for a normal number, where 2048 carries into the
  // exponent.
  const auto units = static_cast<int>(std::nearbyint(std::ldexp(magnitude, half_fraction_bits - exponent)));
  return static_cast<uint16_t>(sign | (((exponent - half_least_exponent) << half_fraction_bits) + units));
}

/// Rounds to the nearest, ties to even.
uint16_t bits_of_bfloat(float value) {
  const auto bits = std::bit_cast<uint32_t>(value);
  if (std::isnan(value)) return static_cast<uint16_t>(bits >> 16 | 0x40);
  return static_cast<uint16_t>((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

template <class T>
void fill(Tensor& tensor, T value) {
  T* data = tensor.data<T>();
  const int64_t count = tensor.desc().shape.elements();
  for (int64_t index = 0; index < count; ++index) data[index] = value;
}

}  // namespace

std::optional<double> first_element(const TensorView& tensor) {
  switch (tensor.desc.type) {
    case DataType::f32:
      return *tensor.data<float>();
    case DataType::f64:
      return *tensor.data<double>();
    case DataType::f16:
      return half_value(*tensor.data<uint16_t>());
    case DataType::bf16:
      return std::bit_cast<float>(uint32_t{*tensor.data<uint16_t>()} << 16);
    case DataType::i8:
      return as_double<int8_t>(tensor);
    case DataType::u8:
      return as_double<uint8_t>(tensor);
    case DataType::boolean:
      return *tensor.data<uint8_t>() != 0 ? 1 : 0;
    case DataType::i16:
      return as_double<int16_t>(tensor);
    case DataType::u16:
      return as_double<uint16_t>(tensor);
    case DataType::i32:
      return as_double<int32_t>(tensor);
    case DataType::u32:
      return as_double<uint32_t>(tensor);
    case DataType::i64:
      return as_double<int64_t>(tensor);
    case DataType::u64:
      return as_double<uint64_t>(tensor);
  }
  return std::nullopt;
}

Tensor filled(DataType type, const Shape& shape, double value) {
  Tensor tensor({type, shape});
  switch (type) {
    case DataType::f32:
      fill(tensor, static_cast<float>(value));
      break;
    case DataType::f64:
      fill(tensor, value);
      break;
    case DataType::f16:
      fill(tensor, bits_of_half(value));
      break;
    case DataType::bf16:
      fill(tensor, bits_of_bfloat(static_cast<float>(value)));
      break;
    case DataType::i8:
      fill(tensor, static_cast<int8_t>(value));
      break;
    case DataType::u8:
      fill(tensor, static_cast<uint8_t>(value));
      break;
    case DataType::boolean:
      fill(tensor, static_cast<uint8_t>(value != 0 ? 1 : 0));
      break;
    case DataType::i16:
      fill(tensor, static_cast<int16_t>(value));
      break;
    case DataType::u16:
      fill(tensor, static_cast<uint16_t>(value));
      break;
    case DataType::i32:
      fill(tensor, static_cast<int32_t>(value));
      break;
    case DataType::u32:
      fill(tensor, static_cast<uint32_t>(value));
      break;
    case DataType::i64:
      fill(tensor, static_cast<int64_t>(value));
      break;
    case DataType::u64:
      fill(tensor, static_cast<uint64_t>(value));
      break;
  }
  return tensor;
}

}  // namespace raceline
