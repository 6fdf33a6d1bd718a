// Comparing outputs with wanted ones, by the rules of the ONNX backend tests.
#pragma once
#include <string>

#include "raceline/tensor/tensor.h"

namespace raceline::cli {

/// |got - want| <= absolute + relative * |want| for each float; NaN equals NaN, infinities of one sign are
/// equal; integers and booleans exactly. With of_largest the bound is of_largest * the largest |want|
/// instead.
struct Tolerance {
  double relative = 1e-3, absolute = 1e-4;
  double of_largest = 0;  ///< 0: not used
};

struct Comparison {
  bool equal = true;
  double largest_difference = 0;  ///< of floats
  double largest_wanted = 0;
  std::string why;  ///< the first element that differs, or the types and shapes
};

Comparison compare(const TensorView& got, const TensorView& wanted, const Tolerance& tolerance);

}  // namespace raceline::cli
