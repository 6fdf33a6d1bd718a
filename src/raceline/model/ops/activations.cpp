// Activations that are made of several functions of one operand.
#include <cmath>
#include <numbers>

#include <fmt/format.h>

#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

ValueId times(NodeImport& node, std::string_view label, ValueId x, double factor) {
  return node.binary(label, BinaryKind::mul, x,
                     node.scalar_constant(fmt::format("{}_factor", label), node.desc(x).type, factor));
}

ValueId plus_one(NodeImport& node, ValueId x) {
  return node.binary("plus_one", BinaryKind::add, x, node.scalar_constant("one", node.desc(x).type, 1));
}

void product(NodeImport& node, ValueId a, ValueId b) {
  node.result(OpKind::binary, BinaryParams{BinaryKind::mul}, {a, b});
}

}  // namespace

/// x / 2 * (1 + erf(x / sqrt(2))), or x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x^3))).
void import_gelu(NodeImport& node) {
  const std::string approximate = node.attribute("approximate", "none");
  if (approximate != "none" && approximate != "tanh") {
    node.refuse(fmt::format("'{}' is not known", approximate.substr(0, 40)), "approximate");
  }
  const ValueId x = node.operand(0);
  const ValueId half = times(node, "half", x, 0.5);
  if (approximate == "none") {
    const ValueId scaled = times(node, "scaled", x, 1 / std::numbers::sqrt2);
    return product(node, half, plus_one(node, node.unary("erf", UnaryKind::erf, scaled)));
  }
  constexpr double cubic = 0.044715;
  const ValueId square = node.binary("square", BinaryKind::mul, x, x);
  const ValueId cube = node.binary("cube", BinaryKind::mul, square, x);
  const ValueId inner = node.binary("inner", BinaryKind::add, x, times(node, "cubic", cube, cubic));
  const ValueId scaled = times(node, "scaled", inner, std::sqrt(2 * std::numbers::inv_pi));
  product(node, half, plus_one(node, node.unary("tanh", UnaryKind::tanh, scaled)));
}

/// x * tanh(log(1 + exp(x)))
void import_mish(NodeImport& node) {
  const ValueId x = node.operand(0);
  const ValueId softplus = node.unary("softplus", UnaryKind::softplus, x);
  product(node, x, node.unary("tanh", UnaryKind::tanh, softplus));
}

/// x * sigmoid(alpha x)
void import_swish(NodeImport& node) {
  const float alpha = node.attribute("alpha", 1.0f);
  const ValueId x = node.operand(0);
  const ValueId scaled = alpha == 1 ? x : times(node, "scaled", x, alpha);
  product(node, x, node.unary("sigmoid", UnaryKind::sigmoid, scaled));
}

/// max(0, x) + min(0, alpha * (exp(x / alpha) - 1)), which is alpha times the ELU of x / alpha.
void import_celu(NodeImport& node) {
  const float alpha = node.attribute("alpha", 1.0f);
  if (!(alpha > 0)) node.refuse(fmt::format("{} is not positive", alpha), "alpha");
  const ValueId x = node.operand(0);
  if (alpha == 1) return node.result(OpKind::unary, UnaryParams{UnaryKind::elu, 1, 0}, {x});
  const DataType type = node.desc(x).type;
  const ValueId divisor = node.scalar_constant("alpha", type, alpha);
  const ValueId scaled = node.binary("scaled", BinaryKind::div, x, divisor);
  product(node, node.unary("elu", UnaryKind::elu, scaled, 1), divisor);
}

}  // namespace raceline
