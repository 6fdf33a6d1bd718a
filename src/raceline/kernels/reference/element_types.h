// From a DataType to the C++ type that a loop is written for.
#pragma once
#include <cstdint>
#include <type_traits>

#include "raceline/base/status.h"
#include "raceline/tensor/half.h"
#include "raceline/tensor/tensor.h"

namespace raceline {

/// Carries a type to a generic lambda.
template <class T>
struct TypeTag {
  using type = T;
};

/// What elements of type T are in memory: bool is read as a byte, since data from outside may hold others
/// than 0 and 1.
template <class T>
using Stored = std::conditional_t<std::is_same_v<T, bool>, uint8_t, T>;

template <class T>
Stored<T>* elements(const TensorView& view) {
  return view.data<Stored<T>>();
}

/// Calls visit(TypeTag<float>{}) or with double.
template <class Visitor>
Status with_float(DataType type, Visitor&& visit) {
  if (type == DataType::f32) {
    visit(TypeTag<float>{});
  } else if (type == DataType::f64) {
    visit(TypeTag<double>{});
  } else {
    return Status::failed("a data type that the reference kernel does not compute in");
  }
  return Status::ok();
}

/// Likewise with any type of numbers but f16 and bf16.
template <class Visitor>
Status with_number(DataType type, Visitor&& visit) {
  switch (type) {
    case DataType::i8:
      visit(TypeTag<int8_t>{});
      return Status::ok();
    case DataType::u8:
      visit(TypeTag<uint8_t>{});
      return Status::ok();
    case DataType::i16:
      visit(TypeTag<int16_t>{});
      return Status::ok();
    case DataType::u16:
      visit(TypeTag<uint16_t>{});
      return Status::ok();
    case DataType::i32:
      visit(TypeTag<int32_t>{});
      return Status::ok();
    case DataType::u32:
      visit(TypeTag<uint32_t>{});
      return Status::ok();
    case DataType::i64:
      visit(TypeTag<int64_t>{});
      return Status::ok();
    case DataType::u64:
      visit(TypeTag<uint64_t>{});
      return Status::ok();
    default:
      return with_float(type, visit);
  }
}

/// Likewise with numbers and bool.
template <class Visitor>
Status with_element(DataType type, Visitor&& visit) {
  if (type != DataType::boolean) return with_number(type, visit);
  visit(TypeTag<bool>{});
  return Status::ok();
}

/// Likewise with any type.
template <class Visitor>
Status with_any(DataType type, Visitor&& visit) {
  if (type == DataType::f16) {
    visit(TypeTag<Half>{});
  } else if (type == DataType::bf16) {
    visit(TypeTag<BFloat16>{});
  } else {
    return with_element(type, visit);
  }
  return Status::ok();
}

/// Calls visit with an unsigned type of the element's size: for kernels that only move elements.
template <class Visitor>
void with_bits(DataType type, Visitor&& visit) {
  switch (size_of(type)) {
    case 1:
      return visit(TypeTag<uint8_t>{});
    case 2:
      return visit(TypeTag<uint16_t>{});
    case 4:
      return visit(TypeTag<uint32_t>{});
    default:
      return visit(TypeTag<uint64_t>{});
  }
}

}  // namespace raceline
