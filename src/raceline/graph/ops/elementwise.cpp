// Kinds and shape rules of unary and binary. Source: the ONNX ops of the same names.
#include "raceline/graph/ops/elementwise.h"

#include <iterator>
#include <string>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

/// A kind's name, how many of alpha and beta it has, and whether it is defined on integers too.
struct UnaryRow {
  std::string_view name;
  int parameters = 0;
  bool integers = false;
};
constexpr UnaryRow unary_rows[] = {
    {"relu", 0, true},
    {"leaky_relu", 1},
    {"clip", 2, true},
    {"sigmoid"},
    {"hard_sigmoid", 2},
    {"hard_swish"},
    {"tanh"},
    {"elu", 1},
    {"selu", 2},
    {"softplus"},
    {"softsign"},
    {"exp"},
    {"log"},
    {"sqrt"},
    {"abs", 0, true},
    {"neg", 0, true},
    {"floor"},
    {"ceil"},
    {"reciprocal"},
    {"erf"},
    {"sign", 0, true},
    {"round"},
    {"thresholded_relu", 1},
    {"shrink", 2},
    {"sin"},
    {"cos"},
    {"tan"},
    {"asin"},
    {"acos"},
    {"atan"},
    {"sinh"},
    {"cosh"},
    {"asinh"},
    {"acosh"},
    {"atanh"},
    {"logical_not"},
};
static_assert(std::size(unary_rows) == static_cast<size_t>(UnaryKind::logical_not) + 1);

constexpr std::string_view binary_names[] = {
    "add",     "sub",        "mul",           "div",         "max",        "min",
    "pow",     "prelu",      "remainder",     "modulo",      "equal",      "less",
    "greater", "less_equal", "greater_equal", "logical_and", "logical_or", "logical_xor"};
static_assert(std::size(binary_names) == static_cast<size_t>(BinaryKind::logical_xor) + 1);

template <class Kind, class Rows, class Name>
Kind parse_kind(std::string_view text, std::string_view what, const Rows& rows, Name name) {
  std::vector<std::string> names;
  for (size_t index = 0; index < std::size(rows); ++index) {
    if (name(rows[index]) == text) return static_cast<Kind>(index);
    names.emplace_back(name(rows[index]));
  }
  text = text.substr(0, 40);
  throw ParseError(
      fmt::format("'{}' is no {}; the nearest are {}", text, what, join(nearest(text, names), ", ")));
}

const UnaryRow& row(UnaryKind kind) {
  return unary_rows[static_cast<size_t>(kind)];
}

void normalise_unary(OpParams& params, Operands) {
  auto& p = std::get<UnaryParams>(params);
  if (row(p.kind).parameters < 1) p.alpha = 0;
  if (row(p.kind).parameters < 2) p.beta = 0;
}

std::vector<TensorDesc> infer_unary(const OpParams& params, Operands operands) {
  const auto& p = as<UnaryParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  want_not_nan(p.alpha, "alpha");
  want_not_nan(p.beta, "beta");
  if (p.kind == UnaryKind::logical_not) {
    if (x.type != DataType::boolean) refuse(fmt::format("input is {}; type bool wanted", x.to_string()));
  } else if (row(p.kind).integers) {
    want_number(x, "input");
  } else {
    want_float(x, "input");
  }
  return {{x.type, x.shape}};
}

std::vector<TensorDesc> infer_binary(const OpParams& params, Operands operands) {
  const BinaryKind kind = as<BinaryParams>(params).kind;
  const TensorDesc& a = operand(operands, 0, "a");
  const TensorDesc& b = operand(operands, 1, "b");
  want_same_type(b, "b", a);
  const bool logical = kind >= BinaryKind::logical_and;
  if (logical && a.type != DataType::boolean) refuse(fmt::format("a is {}; type bool wanted", a.to_string()));
  if (!logical && kind != BinaryKind::equal) want_number(a, "a");
  const Shape shape = broadcast(a.shape, b.shape);
  if (kind == BinaryKind::prelu && shape != a.shape) {
    refuse(fmt::format("the slope is {}; a shape that broadcasts to {} wanted", b.to_string(),
                       a.shape.to_string()));
  }
  return {{kind >= BinaryKind::equal ? DataType::boolean : a.type, shape}};
}

/// Any function of an element counts as one operation.
double flops_elementwise(const OpParams&, Operands, std::span<const TensorDesc> outputs) {
  return static_cast<double>(outputs[0].shape.elements());
}

}  // namespace

std::string_view to_string(UnaryKind kind) {
  return row(kind).name;
}
std::string_view to_string(BinaryKind kind) {
  return binary_names[static_cast<size_t>(kind)];
}
int parameters_of(UnaryKind kind) {
  return row(kind).parameters;
}

UnaryKind parse_unary_kind(std::string_view text) {
  return parse_kind<UnaryKind>(text, "unary function", unary_rows,
                               [](const UnaryRow& row) { return row.name; });
}

BinaryKind parse_binary_kind(std::string_view text) {
  return parse_kind<BinaryKind>(text, "binary function", binary_names,
                                [](std::string_view name) { return name; });
}

void rules::add_elementwise_ops(std::vector<OpInfo>& table) {
  table.push_back(
      {OpKind::unary, "unary", UnaryParams{}, 1, 1, normalise_unary, infer_unary, flops_elementwise});
  table.push_back(
      {OpKind::binary, "binary", BinaryParams{}, 2, 2, keep_params, infer_binary, flops_elementwise});
}

}  // namespace raceline
