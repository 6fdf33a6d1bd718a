// What each elementwise function computes for one element: the one definition that every CPU kernel and every
// epilogue uses where it has no faster form of its own.
#pragma once
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>

#include "raceline/base/saturate_cast.h"
#include "raceline/graph/layer_desc.h"

namespace raceline {

namespace detail {

/// Unsigned and at least as wide as unsigned int: sums and products of it wrap around, with no promotion to
/// int.
template <class T>
using Wrapping = std::conditional_t<sizeof(T) <= 4, uint32_t, uint64_t>;

/// base^exponent modulo 2^bits; a negative exponent gives the quotient rounded towards zero (0 for base 0).
template <class T>
inline T integer_pow(T base, T exponent) {
  if constexpr (std::is_signed_v<T>) {
    if (exponent < 0) {
      if (base == 1) return 1;
      if (base == -1) return exponent % 2 == 0 ? 1 : -1;
      return 0;
    }
  }
  Wrapping<T> result = 1;
  Wrapping<T> square = static_cast<Wrapping<T>>(base);
  for (auto rest = static_cast<std::make_unsigned_t<T>>(exponent); rest != 0; rest = rest >> 1) {
    if ((rest & 1) != 0) result *= square;
    square *= square;
  }
  return static_cast<T>(result);
}

/// What is left of a / b, with the sign of a, or with that of b when the quotient is rounded down; 0 for b =
/// 0.
template <class T>
inline T integer_remainder(T a, T b, bool rounded_down) {
  if (b == 0) return 0;
  if constexpr (std::is_signed_v<T>) {
    if (b == -1) return 0;
    const T rest = static_cast<T>(a % b);
    return rounded_down && rest != 0 && (rest < 0) != (b < 0) ? static_cast<T>(rest + b) : rest;
  } else {
    return static_cast<T>(a % b);
  }
}

template <class T>
inline T float_remainder(T a, T b, bool rounded_down) {
  const T rest = std::fmod(a, b);
  return rounded_down && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

template <class T>
inline T float_unary(const UnaryParams& p, T x) {
  const T alpha = static_cast<T>(p.alpha);
  const T beta = static_cast<T>(p.beta);
  switch (p.kind) {
    case UnaryKind::relu:
      return x < 0 ? T{0} : x;
    case UnaryKind::leaky_relu:
      return x < 0 ? alpha * x : x;
    case UnaryKind::clip: {
      const T low = x < alpha ? alpha : x;
      return low > beta ? beta : low;
    }
    case UnaryKind::sigmoid: {
      // The exponential of a negative number only, so that nothing overflows.
      const T e = std::exp(x < 0 ? x : -x);
      return x < 0 ? e / (1 + e) : 1 / (1 + e);
    }
    case UnaryKind::hard_sigmoid: {
      const T y = alpha * x + beta;
      return y < 0 ? T{0} : (y > 1 ? T{1} : y);
    }
    case UnaryKind::hard_swish: {
      const T y = x / 6 + T{0.5};
      return x * (y < 0 ? T{0} : (y > 1 ? T{1} : y));
    }
    case UnaryKind::tanh:
      return std::tanh(x);
    case UnaryKind::elu:
      return x < 0 ? alpha * std::expm1(x) : x;
    case UnaryKind::selu:
      return beta * (x > 0 ? x : alpha * std::expm1(x));
    case UnaryKind::softplus:
      return (x < 0 ? T{0} : x) + std::log1p(std::exp(x < 0 ? x : -x));
    case UnaryKind::softsign:
      return x / (1 + std::abs(x));
    case UnaryKind::exp:
      return std::exp(x);
    case UnaryKind::log:
      return std::log(x);
    case UnaryKind::sqrt:
      return std::sqrt(x);
    case UnaryKind::abs:
      return std::abs(x);
    case UnaryKind::neg:
      return -x;
    case UnaryKind::floor:
      return std::floor(x);
    case UnaryKind::ceil:
      return std::ceil(x);
    case UnaryKind::reciprocal:
      return 1 / x;
    case UnaryKind::erf:
      return std::erf(x);
    case UnaryKind::sign:
      return x > 0 ? T{1} : (x < 0 ? T{-1} : x);
    case UnaryKind::round:
      return std::nearbyint(x);
    case UnaryKind::thresholded_relu:
      return x <= alpha ? T{0} : x;
    case UnaryKind::shrink:
      return x < -alpha ? x + beta : (x > alpha ? x - beta : (x != x ? x : T{0}));
    case UnaryKind::sin:
      return std::sin(x);
    case UnaryKind::cos:
      return std::cos(x);
    case UnaryKind::tan:
      return std::tan(x);
    case UnaryKind::asin:
      return std::asin(x);
    case UnaryKind::acos:
      return std::acos(x);
    case UnaryKind::atan:
      return std::atan(x);
    case UnaryKind::sinh:
      return std::sinh(x);
    case UnaryKind::cosh:
      return std::cosh(x);
    case UnaryKind::asinh:
      return std::asinh(x);
    case UnaryKind::acosh:
      return std::acosh(x);
    case UnaryKind::atanh:
      return std::atanh(x);
    case UnaryKind::logical_not:
      return x == 0 ? T{1} : T{0};
  }
  return x;
}

template <class T>
inline T integer_unary(const UnaryParams& p, T x) {
  switch (p.kind) {
    case UnaryKind::relu:
      return x > 0 ? x : T{0};
    case UnaryKind::clip: {
      const T low = saturate_cast<T>(p.alpha);
      const T high = saturate_cast<T>(p.beta);
      const T y = x < low ? low : x;
      return y > high ? high : y;
    }
    case UnaryKind::neg:
      return static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(x));
    case UnaryKind::abs:
      return x > 0 ? x : static_cast<T>(Wrapping<T>{0} - static_cast<Wrapping<T>>(x));
    case UnaryKind::floor:
    case UnaryKind::ceil:
    case UnaryKind::round:
      return x;
    case UnaryKind::sign:
      if constexpr (std::is_signed_v<T>) {
        if (x < 0) return T{-1};
      }
      return x > 0 ? T{1} : T{0};
    case UnaryKind::logical_not:
      return x == 0 ? T{1} : T{0};
    default:
      return saturate_cast<T>(float_unary<double>(p, static_cast<double>(x)));
  }
}

}  // namespace detail

/// f(x). NaN goes through every function but logical_not. Integers: negation wraps around; functions that
/// have no integer form are computed in double and cast as by saturate_cast. bool: as 0 and 1.
template <class T>
inline T apply_unary(const UnaryParams& params, T x) {
  if constexpr (std::is_same_v<T, bool>) {
    return detail::integer_unary<uint8_t>(params, x ? 1 : 0) != 0;
  } else if constexpr (std::is_floating_point_v<T>) {
    return detail::float_unary(params, x);
  } else {
    return detail::integer_unary(params, x);
  }
}

/// Whether the result is bool whatever the operands: comparisons and logic.
constexpr bool gives_bool(BinaryKind kind) {
  return kind >= BinaryKind::equal;
}

/// f(a, b) for the kinds that keep the operands' type (gives_bool() is false). max and min let NaN through.
/// Integers: sums, products and powers wrap around; x / 0 and its remainder are 0, and the quotient that
/// overflows wraps.
template <class T>
inline T apply_binary(BinaryKind kind, T a, T b) {
  if constexpr (std::is_same_v<T, bool>) {
    return apply_binary<uint8_t>(kind, a ? 1 : 0, b ? 1 : 0) != 0;
  } else {
    using W = std::conditional_t<std::is_integral_v<T>, detail::Wrapping<T>, T>;
    const W wide_a = static_cast<W>(a);
    const W wide_b = static_cast<W>(b);
    switch (kind) {
      case BinaryKind::add:
        return static_cast<T>(wide_a + wide_b);
      case BinaryKind::sub:
        return static_cast<T>(wide_a - wide_b);
      case BinaryKind::mul:
        return static_cast<T>(wide_a * wide_b);
      case BinaryKind::div:
        if constexpr (std::is_integral_v<T>) {
          if (b == 0) return 0;
          if constexpr (std::is_signed_v<T>) {
            if (b == -1) return static_cast<T>(W{0} - wide_a);
          }
        }
        return static_cast<T>(a / b);
      case BinaryKind::max:
        return (a > b || a != a) ? a : b;
      case BinaryKind::min:
        return (a < b || a != a) ? a : b;
      case BinaryKind::pow:
        if constexpr (std::is_integral_v<T>) {
          return detail::integer_pow(a, b);
        } else {
          return std::pow(a, b);
        }
      case BinaryKind::prelu:
        return a < 0 ? static_cast<T>(wide_a * wide_b) : a;
      case BinaryKind::remainder:
      case BinaryKind::modulo:
        if constexpr (std::is_integral_v<T>) {
          return detail::integer_remainder(a, b, kind == BinaryKind::modulo);
        } else {
          return detail::float_remainder(a, b, kind == BinaryKind::modulo);
        }
      default:
        return a;
    }
  }
}

/// f(a, b) for comparisons and logic (gives_bool() is true); a number that is not 0 is true.
template <class T>
inline bool apply_comparison(BinaryKind kind, T a, T b) {
  switch (kind) {
    case BinaryKind::equal:
      return a == b;
    case BinaryKind::less:
      return a < b;
    case BinaryKind::greater:
      return a > b;
    case BinaryKind::less_equal:
      return a <= b;
    case BinaryKind::greater_equal:
      return a >= b;
    case BinaryKind::logical_and:
      return a != T{} && b != T{};
    case BinaryKind::logical_or:
      return a != T{} || b != T{};
    case BinaryKind::logical_xor:
      return (a != T{}) != (b != T{});
    default:
      return false;
  }
}

/// The epilogue of a layer on one element of its result. `residual` is the element of the residual operand at
/// the same place; it is read by steps of kind add only.
template <class T>
inline T apply_epilogue(std::span<const EpilogueStep> steps, T value, T residual) {
  for (const EpilogueStep& step : steps) {
    value = step.kind == EpilogueStep::Kind::add ? apply_binary(BinaryKind::add, value, residual)
                                                 : apply_unary(step.unary, value);
  }
  return value;
}

}  // namespace raceline
