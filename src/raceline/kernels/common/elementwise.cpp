#include "raceline/kernels/common/elementwise.h"

#include <utility>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/common/vector_math.h"

namespace raceline {
namespace {

/// One element, with the kind known to the compiler so that no switch is left in the loop.
template <UnaryKind kind>
RACELINE_INLINE float unary_element(const UnaryParams& params, float x) {
  if constexpr (kind == UnaryKind::exp) {
    return vector_exp(x);
  } else if constexpr (kind == UnaryKind::sigmoid) {
    return vector_sigmoid(x);
  } else if constexpr (kind == UnaryKind::tanh) {
    return vector_tanh(x);
  } else if constexpr (kind == UnaryKind::elu) {
    const float e = params.alpha * vector_expm1(x < 0 ? x : 0.0f);
    return x < 0 ? e : x;
  } else if constexpr (kind == UnaryKind::selu) {
    const float e = params.alpha * vector_expm1(x < 0 ? x : 0.0f);
    return params.beta * (x < 0 ? e : x);
  } else if constexpr (kind == UnaryKind::hard_swish) {
    const float y = x * (1.0f / 6) + 0.5f;
    const float low = y < 0 ? 0.0f : y;
    return x * (low > 1 ? 1.0f : low);
  } else {
    UnaryParams fixed = params;
    fixed.kind = kind;
    return apply_unary(fixed, x);
  }
}

template <UnaryKind kind>
void unary_loop(const UnaryParams& params, const float* x, float* y, int64_t count) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t i = 0; i < count; ++i) y[i] = unary_element<kind>(params, x[i]);
  });
}

using UnaryLoop = void (*)(const UnaryParams&, const float*, float*, int64_t);

constexpr int unary_kinds = static_cast<int>(UnaryKind::logical_not) + 1;

template <int... kinds>
UnaryLoop find_unary(UnaryKind kind, std::integer_sequence<int, kinds...>) {
  constexpr UnaryLoop loops[] = {&unary_loop<static_cast<UnaryKind>(kinds)>...};
  return loops[static_cast<int>(kind)];
}

template <BinaryKind kind>
void binary_loop(Repeat repeat, const float* a, const float* b, float* y, int64_t count) {
  switch (repeat) {
    case Repeat::none:
      vectorised([=]() RACELINE_LAMBDA {
        for (int64_t i = 0; i < count; ++i) y[i] = apply_binary(kind, a[i], b[i]);
      });
      return;
    case Repeat::first:
      vectorised([=, first = *a]() RACELINE_LAMBDA {
        for (int64_t i = 0; i < count; ++i) y[i] = apply_binary(kind, first, b[i]);
      });
      return;
    case Repeat::second:
      vectorised([=, second = *b]() RACELINE_LAMBDA {
        for (int64_t i = 0; i < count; ++i) y[i] = apply_binary(kind, a[i], second);
      });
      return;
  }
}

using BinaryLoop = void (*)(Repeat, const float*, const float*, float*, int64_t);

constexpr int binary_kinds = static_cast<int>(BinaryKind::prelu) + 1;

template <int... kinds>
BinaryLoop find_binary(BinaryKind kind, std::integer_sequence<int, kinds...>) {
  constexpr BinaryLoop loops[] = {&binary_loop<static_cast<BinaryKind>(kinds)>...};
  return loops[static_cast<int>(kind)];
}

/// With a fixed width (a block of channels) b stays in a register.
template <BinaryKind kind, bool swapped, int fixed_width>
void rows_loop(const float* a, const float* b, float* y, int64_t rows, int64_t width) {
  vectorised([=]() RACELINE_LAMBDA {
    const int64_t columns = fixed_width > 0 ? fixed_width : width;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < columns; ++i) {
        const float x = a[row * columns + i];
        y[row * columns + i] = swapped ? apply_binary(kind, b[i], x) : apply_binary(kind, x, b[i]);
      }
    }
  });
}

template <BinaryKind kind>
void rows_of_any_width(bool swapped, const float* a, const float* b, float* y, int64_t rows, int64_t width) {
  if (width == 16)
    return swapped ? rows_loop<kind, true, 16>(a, b, y, rows, width)
                   : rows_loop<kind, false, 16>(a, b, y, rows, width);
  if (width == 8)
    return swapped ? rows_loop<kind, true, 8>(a, b, y, rows, width)
                   : rows_loop<kind, false, 8>(a, b, y, rows, width);
  return swapped ? rows_loop<kind, true, 0>(a, b, y, rows, width)
                 : rows_loop<kind, false, 0>(a, b, y, rows, width);
}

using RowsLoop = void (*)(bool, const float*, const float*, float*, int64_t, int64_t);

template <int... kinds>
RowsLoop find_rows(BinaryKind kind, std::integer_sequence<int, kinds...>) {
  constexpr RowsLoop loops[] = {&rows_of_any_width<static_cast<BinaryKind>(kinds)>...};
  return loops[static_cast<int>(kind)];
}

}  // namespace

void unary_span(const UnaryParams& params, const float* x, float* y, int64_t count) {
  find_unary(params.kind, std::make_integer_sequence<int, unary_kinds>())(params, x, y, count);
}

bool has_binary_span(BinaryKind kind) {
  return static_cast<int>(kind) < binary_kinds;
}

void binary_span(BinaryKind kind, Repeat repeat, const float* a, const float* b, float* y, int64_t count) {
  if (count <= 0) return;
  find_binary(kind, std::make_integer_sequence<int, binary_kinds>())(repeat, a, b, y, count);
}

void binary_rows(BinaryKind kind, bool swapped, const float* a, const float* b, float* y, int64_t rows,
                 int64_t width) {
  find_rows(kind, std::make_integer_sequence<int, binary_kinds>())(swapped, a, b, y, rows, width);
}

void add_relu_span(const float* b, float* y, int64_t count) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t i = 0; i < count; ++i) {
      const float sum = y[i] + b[i];
      y[i] = sum < 0 ? 0.0f : sum;
    }
  });
}

bool keeps_zero(const UnaryParams& params) {
  return apply_unary(params, 0.0f) == 0.0f;
}

}  // namespace raceline
