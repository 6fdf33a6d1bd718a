// Loops over elements with the function known when the loop is compiled.
#pragma once
#include <array>
#include <cstddef>
#include <utility>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"

namespace raceline {

inline constexpr size_t unary_kinds = static_cast<size_t>(UnaryKind::logical_not) + 1;
inline constexpr size_t binary_kinds = static_cast<size_t>(BinaryKind::logical_xor) + 1;

namespace detail {

template <class T, UnaryKind kind>
void unary_loop(UnaryParams params, const Stored<T>* x, Stored<T>* y, int64_t count) {
  params.kind = kind;
  for (int64_t i = 0; i < count; ++i) y[i] = apply_unary<T>(params, static_cast<T>(x[i]));
}

template <class T>
using UnaryLoop = void (*)(UnaryParams, const Stored<T>*, Stored<T>*, int64_t);

template <class T, size_t... kinds>
constexpr std::array<UnaryLoop<T>, sizeof...(kinds)> unary_loops(std::index_sequence<kinds...>) {
  return {unary_loop<T, static_cast<UnaryKind>(kinds)>...};
}

}  // namespace detail

/// y[i] = f(x[i]); x and y may be the same.
template <class T>
void run_unary(const UnaryParams& params, const Stored<T>* x, Stored<T>* y, int64_t count) {
  static constexpr auto loops = detail::unary_loops<T>(std::make_index_sequence<unary_kinds>());
  loops[static_cast<size_t>(params.kind)](params, x, y, count);
}

}  // namespace raceline
