// Stepping through tensors by strides: broadcasting, slicing and transposing are choices of strides.
#pragma once
#include <array>
#include <cstdint>
#include <span>

#include "raceline/tensor/shape.h"

namespace raceline {

using Strides = std::array<int64_t, Shape::max_rank>;

/// Strides, one for each axis of `to`, that walk a row-major tensor of dimensions `from` whose innermost
/// items are `item` elements: 0 along axes on which it broadcasts.
inline Strides broadcast_strides(std::span<const int64_t> from, std::span<const int64_t> to, int64_t item) {
  Strides strides{};
  int64_t stride = item;
  for (size_t back = 1; back <= from.size(); ++back) {
    const int64_t dim = from[from.size() - back];
    strides[to.size() - back] = dim == 1 ? 0 : stride;
    stride *= dim;
  }
  return strides;
}

/// Writes, in row-major order, the element of x at each position of dims; gives the end of what it wrote.
template <class T>
T* copy_strided(std::span<const int64_t> dims, const T* x, const int64_t* strides, T* y) {
  if (dims.empty()) {
    *y = *x;
    return y + 1;
  }
  const int64_t count = dims[0];
  const int64_t stride = strides[0];
  if (dims.size() == 1) {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i * stride];
    return y + count;
  }
  for (int64_t i = 0; i < count; ++i) y = copy_strided(dims.subspan(1), x + i * stride, strides + 1, y);
  return y;
}

}  // namespace raceline
