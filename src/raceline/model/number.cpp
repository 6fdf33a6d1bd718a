#include "raceline/model/number.h"

#include <cmath>
#include <cstdint>
#include <limits>

#include "raceline/base/saturate_cast.h"
#include "raceline/tensor/half.h"

namespace raceline {
namespace {

constexpr double exact_integers = 9007199254740992.0;  // 2^53

template <class T>
std::optional<double> as_double(const TensorView& tensor) {
  const auto number = static_cast<double>(*tensor.data<T>());
  if (std::abs(number) > exact_integers) return std::nullopt;
  return number;
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
      return static_cast<float>(*tensor.data<Half>());
    case DataType::bf16:
      return static_cast<float>(*tensor.data<BFloat16>());
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
      fill(tensor, Half(value));
      break;
    case DataType::bf16:
      fill(tensor, BFloat16(value));
      break;
    case DataType::i8:
      fill(tensor, saturate_cast<int8_t>(value));
      break;
    case DataType::u8:
      fill(tensor, saturate_cast<uint8_t>(value));
      break;
    case DataType::boolean:
      fill(tensor, static_cast<uint8_t>(value != 0 ? 1 : 0));
      break;
    case DataType::i16:
      fill(tensor, saturate_cast<int16_t>(value));
      break;
    case DataType::u16:
      fill(tensor, saturate_cast<uint16_t>(value));
      break;
    case DataType::i32:
      fill(tensor, saturate_cast<int32_t>(value));
      break;
    case DataType::u32:
      fill(tensor, saturate_cast<uint32_t>(value));
      break;
    case DataType::i64:
      fill(tensor, saturate_cast<int64_t>(value));
      break;
    case DataType::u64:
      fill(tensor, saturate_cast<uint64_t>(value));
      break;
  }
  return tensor;
}

std::optional<FloatRange> range_in_float(DataType type) {
  const auto of = [](auto zero) {
    using T = decltype(zero);
    return FloatRange{static_cast<float>(std::numeric_limits<T>::lowest()),
                      static_cast<float>(std::numeric_limits<T>::max())};
  };
  switch (type) {
    case DataType::f32:
    case DataType::f16:
    case DataType::bf16:
      return of(float{});
    case DataType::i8:
      return of(int8_t{});
    case DataType::u8:
      return of(uint8_t{});
    case DataType::i16:
      return of(int16_t{});
    case DataType::u16:
      return of(uint16_t{});
    default:
      return std::nullopt;
  }
}

}  // namespace raceline
