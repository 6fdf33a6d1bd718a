// Parameters of elementwise ops: one op for all functions of one operand, one for all of two.
#pragma once
#include <cstdint>
#include <string_view>

namespace raceline {

enum class UnaryKind : uint8_t {
  relu,          ///< max(x, 0)
  leaky_relu,    ///< x < 0 ? alpha * x : x
  clip,          ///< min(max(x, alpha), beta); relu6 is clip 0 6
  sigmoid,       ///< 1 / (1 + exp(-x))
  hard_sigmoid,  ///< max(0, min(1, alpha * x + beta))
  hard_swish,    ///< x * max(0, min(1, x / 6 + 0.5))
  tanh,
  elu,       ///< x < 0 ? alpha * (exp(x) - 1) : x
  selu,      ///< beta * (x > 0 ? x : alpha * (exp(x) - 1))
  softplus,  ///< log(exp(x) + 1)
  softsign,  ///< x / (1 + |x|)
  exp,
  log,
  sqrt,
  abs,
  neg,
  floor,
  ceil,
  reciprocal,
  erf,
  sign,
  round,             ///< to the nearest whole number, ties to the even one
  thresholded_relu,  ///< x > alpha ? x : 0
  shrink,            ///< x < -alpha ? x + beta : x > alpha ? x - beta : 0
  sin,
  cos,
  tan,
  asin,
  acos,
  atan,
  sinh,
  cosh,
  asinh,
  acosh,
  atanh,
  logical_not,
};

/// unary: y = f(x). alpha and beta mean what the kind says, and are 0 where it has none.
struct UnaryParams {
  UnaryKind kind = UnaryKind::relu;
  float alpha = 0, beta = 0;
  friend bool operator==(const UnaryParams&, const UnaryParams&) = default;
};

enum class BinaryKind : uint8_t {
  add,
  sub,
  mul,
  div,  ///< of integers: rounded towards zero
  max,
  min,
  pow,
  prelu,      ///< a < 0 ? a * b : a; b is the slope
  remainder,  ///< of a / b rounded towards zero: the sign of a (C's fmod)
  modulo,     ///< of a / b rounded down: the sign of b (Python's %)
  equal,
  less,
  greater,
  less_equal,
  greater_equal,
  logical_and,
  logical_or,
  logical_xor,
};

/// binary: y = f(a, b) with NumPy's broadcasting. Comparisons and logic give bool.
struct BinaryParams {
  BinaryKind kind = BinaryKind::add;
  friend bool operator==(const BinaryParams&, const BinaryParams&) = default;
};

std::string_view to_string(UnaryKind kind);
std::string_view to_string(BinaryKind kind);
/// Throw ParseError.
UnaryKind parse_unary_kind(std::string_view text);
BinaryKind parse_binary_kind(std::string_view text);
/// How many of alpha and beta the kind has: 0, 1 (alpha) or 2.
int parameters_of(UnaryKind kind);

template <class Visitor>
void visit_fields(UnaryParams& p, Visitor&& visit) {
  visit("kind", p.kind);
  visit("alpha", p.alpha);
  visit("beta", p.beta);
}

template <class Visitor>
void visit_fields(BinaryParams& p, Visitor&& visit) {
  visit("kind", p.kind);
}

}  // namespace raceline
