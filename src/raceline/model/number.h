// Single elements of any type as numbers. Private to this room.
#pragma once
#include <optional>

#include "raceline/tensor/tensor.h"

namespace raceline {

/// The first element of a tensor of at least one; absent where a double cannot hold it exactly.
std::optional<double> first_element(const TensorView& tensor);
/// A tensor whose elements are all `value`, or what of the type is nearest to it; 0 for a NaN in integers.
Tensor filled(DataType type, const Shape& shape, double value);

/// The range of a type whose numbers float holds exactly.
struct FloatRange {
  float lowest, highest;
};
/// Absent for the types whose numbers it does not hold.
std::optional<FloatRange> range_in_float(DataType type);

}  // namespace raceline
