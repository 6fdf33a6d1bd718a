// The product of two matrices, summed in the elements' type.
#pragma once
#include <algorithm>
#include <cstdint>
#include <type_traits>

#include "raceline/kernels/common/scalar_math.h"

namespace raceline {

/// A matrix whose element (row, column) is data[row * row_stride + column * column_stride].
template <class T>
struct Matrix {
  const T* data;
  int64_t row_stride, column_stride;
};

/// sum + a * b; integers wrap around.
template <class T>
T multiply_add(T sum, T a, T b) {
  if constexpr (std::is_integral_v<T>) {
    using W = detail::Wrapping<T>;
    return static_cast<T>(static_cast<W>(sum) + static_cast<W>(a) * static_cast<W>(b));
  } else {
    return sum + a * b;
  }
}

/// y [rows, columns], row-major, = a [rows, inner] * b [inner, columns].
template <class T>
void multiply(int64_t rows, int64_t columns, int64_t inner, const Matrix<T>& a, const Matrix<T>& b, T* y) {
  for (int64_t m = 0; m < rows; ++m, y += columns) {
    const T* left = a.data + m * a.row_stride;
    if (b.column_stride == 1) {
      std::fill(y, y + columns, T{0});
      for (int64_t k = 0; k < inner; ++k) {
        const T factor = left[k * a.column_stride];
        const T* right = b.data + k * b.row_stride;
        for (int64_t n = 0; n < columns; ++n) y[n] = multiply_add(y[n], factor, right[n]);
      }
      continue;
    }
    // Four columns at a time: their sums do not wait for each other.
    int64_t n = 0;
    for (; n + 4 <= columns; n += 4) {
      const T* right = b.data + n * b.column_stride;
      T sum[4] = {};
      for (int64_t k = 0; k < inner; ++k, right += b.row_stride) {
        const T factor = left[k * a.column_stride];
        for (int64_t i = 0; i < 4; ++i) sum[i] = multiply_add(sum[i], factor, right[i * b.column_stride]);
      }
      std::copy(sum, sum + 4, y + n);
    }
    for (; n < columns; ++n) {
      const T* right = b.data + n * b.column_stride;
      T sum = 0;
      for (int64_t k = 0; k < inner; ++k) {
        sum = multiply_add(sum, left[k * a.column_stride], right[k * b.row_stride]);
      }
      y[n] = sum;
    }
  }
}

}  // namespace raceline
