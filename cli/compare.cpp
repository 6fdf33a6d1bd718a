#include "cli/compare.h"

#include <cmath>
#include <cstring>

#include <fmt/format.h>

#include "raceline/tensor/half.h"

namespace raceline::cli {
namespace {

template <class T>
void compare_floats(const T* got, const T* wanted, int64_t count, const Tolerance& tolerance,
                    Comparison& result) {
  for (int64_t index = 0; index < count; ++index) {
    const double magnitude = std::abs(static_cast<double>(wanted[index]));
    if (std::isfinite(magnitude)) result.largest_wanted = std::max(result.largest_wanted, magnitude);
  }
  for (int64_t index = 0; index < count; ++index) {
    const auto g = static_cast<double>(got[index]), w = static_cast<double>(wanted[index]);
    if (g == w || (std::isnan(g) && std::isnan(w))) continue;
    const double difference = std::abs(g - w);
    const double bound = tolerance.of_largest > 0 ? tolerance.of_largest * result.largest_wanted
                                                  : tolerance.absolute + tolerance.relative * std::abs(w);
    if (std::isfinite(difference))
      result.largest_difference = std::max(result.largest_difference, difference);
    if (std::isfinite(difference) && difference <= bound) continue;
    if (result.equal)
      result.why = fmt::format("element {} is {}, wanted {} within {:.3g}", index, g, w, bound);
    result.equal = false;
  }
}

template <class T>
std::string text_of(const TensorView& tensor, size_t index) {
  return fmt::format("{}", tensor.data<T>()[index]);
}

std::string element_text(const TensorView& tensor, size_t index) {
  switch (tensor.desc.type) {
    case DataType::i64:
      return text_of<int64_t>(tensor, index);
    case DataType::u64:
      return text_of<uint64_t>(tensor, index);
    case DataType::i32:
      return text_of<int32_t>(tensor, index);
    case DataType::u32:
      return text_of<uint32_t>(tensor, index);
    case DataType::i16:
      return text_of<int16_t>(tensor, index);
    case DataType::u16:
      return text_of<uint16_t>(tensor, index);
    case DataType::u8:
      return text_of<uint8_t>(tensor, index);
    case DataType::i8:
      return text_of<int8_t>(tensor, index);
    case DataType::boolean:
      return text_of<bool>(tensor, index);
    default:
      return "other";
  }
}

}  // namespace

Comparison compare(const TensorView& got, const TensorView& wanted, const Tolerance& tolerance) {
  Comparison result;
  if (got.desc.type != wanted.desc.type || got.desc.shape != wanted.desc.shape) {
    result.equal = false;
    result.why = fmt::format("it is {}, wanted {}", got.desc.to_string(), wanted.desc.to_string());
    return result;
  }
  const int64_t count = got.desc.shape.elements();
  if (got.desc.type == DataType::f32) {
    compare_floats(got.data<float>(), wanted.data<float>(), count, tolerance, result);
  } else if (got.desc.type == DataType::f64) {
    compare_floats(got.data<double>(), wanted.data<double>(), count, tolerance, result);
  } else if (got.desc.type == DataType::f16) {
    compare_floats(got.data<Half>(), wanted.data<Half>(), count, tolerance, result);
  } else if (got.desc.type == DataType::bf16) {
    compare_floats(got.data<BFloat16>(), wanted.data<BFloat16>(), count, tolerance, result);
  } else {
    const size_t size = size_of(got.desc.type);
    for (size_t index = 0; index < static_cast<size_t>(count); ++index) {
      if (std::memcmp(got.data<char>() + index * size, wanted.data<char>() + index * size, size) == 0)
        continue;
      result.equal = false;
      result.why = fmt::format("element {} is {}, wanted {}", index, element_text(got, index),
                               element_text(wanted, index));
      break;
    }
  }
  return result;
}

}  // namespace raceline::cli
