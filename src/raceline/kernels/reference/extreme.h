// The order of elements that arg_reduce and top_k look for.
#pragma once
#include "raceline/kernels/reference/element_types.h"

namespace raceline {

/// Whether a is less than b, where NaN is larger than any number and equal to itself.
template <class T>
bool less_than(T a, T b) {
  if (a != a) return false;
  return a < b || b != b;
}

/// Whether a comes before b: the larger one does, or the smaller one.
template <class T>
bool comes_before(T a, T b, bool smallest) {
  return smallest ? less_than(a, b) : less_than(b, a);
}

}  // namespace raceline
