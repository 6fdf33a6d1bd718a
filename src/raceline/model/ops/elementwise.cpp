// Functions of one, two and many tensors, element by element.
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/node_import.h"
#include "raceline/model/number.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

void result_binary(NodeImport& node, BinaryKind kind, ValueId a, ValueId b) {
  node.result(OpKind::binary, BinaryParams{kind}, {a, b});
}

/// alpha and beta of a kind: the names of its attributes and their defaults.
struct UnaryAttributes {
  UnaryKind kind;
  std::string_view alpha;
  float alpha_default;
  std::string_view beta;
  float beta_default;
};

constexpr UnaryAttributes unary_attributes[] = {
    {UnaryKind::leaky_relu, "alpha", 0.01f, {}, 0},
    {UnaryKind::elu, "alpha", 1.0f, {}, 0},
    {UnaryKind::hard_sigmoid, "alpha", 0.2f, "beta", 0.5f},
    {UnaryKind::thresholded_relu, "alpha", 1.0f, {}, 0},
    {UnaryKind::shrink, "lambd", 0.5f, "bias", 0.0f},
    {UnaryKind::selu, "alpha", 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f},
};

/// Before opset 6 the defaults were given with fewer digits.
constexpr UnaryAttributes first_selu = {UnaryKind::selu, "alpha", 1.6732f, "gamma", 1.0507f};

/// A limit of Clip: an operand, or a number.
struct Limit {
  ValueId operand = absent;
  std::optional<double> number;
  bool given() const { return operand != absent || number.has_value(); }
};

Limit limit_operand(const NodeImport& node, size_t index) {
  Limit limit;
  if (!node.has(index)) return limit;
  limit.operand = node.operand(index);
  if (node.shape(limit.operand).elements() != 1) {
    node.fail(
        fmt::format("limit {} is {}; a single element wanted", index, node.desc(limit.operand).to_string()));
  }
  if (node.known(limit.operand)) limit.number = first_element(node.value(index));
  return limit;
}

/// The limit as a scalar of x's type.
ValueId scalar_limit(NodeImport& node, ValueId x, const Limit& limit) {
  if (limit.operand == absent) return node.scalar_constant("limit", node.desc(x).type, *limit.number);
  return node.shape(limit.operand).rank() == 0 ? limit.operand : node.reshape("limit", limit.operand, {});
}

}  // namespace

void import_unary(NodeImport& node) {
  UnaryParams params{static_cast<UnaryKind>(node.kind())};
  for (const UnaryAttributes& row : unary_attributes) {
    if (row.kind != params.kind) continue;
    constexpr int64_t first_exact_selu = 6;
    const UnaryAttributes& used =
        row.kind == UnaryKind::selu && node.opset() < first_exact_selu ? first_selu : row;
    params.alpha = node.attribute(used.alpha, used.alpha_default);
    if (!used.beta.empty()) params.beta = node.attribute(used.beta, used.beta_default);
  }
  node.result(OpKind::unary, params, {node.operand(0)});
}

void import_binary(NodeImport& node) {
  result_binary(node, static_cast<BinaryKind>(node.kind()), node.operand(0), node.operand(1));
}

void import_legacy_binary(NodeImport& node) {
  const bool broadcast = node.attribute("broadcast", int64_t{0}) != 0;
  const bool aligned = broadcast && node.has_attribute("axis");
  const int64_t stated = node.attribute("axis", int64_t{0});
  const ValueId a = node.operand(0);
  ValueId b = node.operand(1);
  const Shape shape_a = node.shape(a);
  const Shape shape_b = node.shape(b);
  if (!broadcast && shape_a != shape_b) {
    node.fail(fmt::format("operands {} and {} differ and attribute 'broadcast' is not set",
                          shape_a.to_string(), shape_b.to_string()));
  }
  // The second operand lies along the axes of the first from `axis` on; NumPy's rules align the last ones.
  if (aligned) {
    const int64_t axis = node.axis(stated, shape_a.rank(), true);
    const int64_t behind = shape_a.rank() - axis - shape_b.rank();
    if (behind < 0) {
      node.fail(fmt::format("operand {} does not fit into {} from axis {} on", shape_b.to_string(),
                            shape_a.to_string(), axis));
    }
    std::vector<int64_t> dims(shape_b.dims().begin(), shape_b.dims().end());
    dims.insert(dims.end(), static_cast<size_t>(behind), 1);
    if (behind > 0) b = node.reshape("aligned", b, dims);
  }
  result_binary(node, static_cast<BinaryKind>(node.kind()), a, b);
}

void import_pow(NodeImport& node) {
  const ValueId base = node.operand(0);
  const ValueId exponent = node.operand(1);
  const DataType type = node.desc(base).type;
  const DataType other = node.desc(exponent).type;
  if (type == other) return result_binary(node, BinaryKind::pow, base, exponent);
  // The result has the base's type; it is computed in whichever of the two is a float.
  const DataType inner = is_float(other) && !is_float(type) ? other : type;
  const auto in_inner = [&](std::string_view label, ValueId value) {
    return node.desc(value).type == inner ? value : node.add(label, OpKind::cast, CastParams{inner}, {value});
  };
  const ValueId a = in_inner("base", base);
  const ValueId b = in_inner("exponent", exponent);
  if (inner == type) return result_binary(node, BinaryKind::pow, a, b);
  const ValueId power = node.add_main(OpKind::binary, BinaryParams{BinaryKind::pow}, {a, b});
  node.result(OpKind::cast, CastParams{type}, {power}, "cast");
}

void import_prelu(NodeImport& node) {
  const ValueId x = node.operand(0);
  ValueId slope = node.operand(1);
  const Shape shape = node.shape(x);
  const Shape slopes = node.shape(slope);
  // Before opset 7 the slope was one number or one for each channel.
  constexpr int64_t first_with_broadcasting = 7;
  if (node.opset() < first_with_broadcasting && slopes.elements() > 1) {
    if (shape.rank() < 2 || slopes.elements() != shape[1]) {
      node.fail(fmt::format("the slope is {}; one number or one a channel of {} wanted", slopes.to_string(),
                            shape.to_string()));
    }
    std::vector<int64_t> dims(static_cast<size_t>(shape.rank() - 1), 1);
    dims[0] = shape[1];
    slope = node.reshape("slope", slope, dims);
  }
  result_binary(node, BinaryKind::prelu, x, slope);
}

void import_chain(NodeImport& node) {
  const auto kind = static_cast<BinaryKind>(node.kind());
  ValueId sum = node.operand(0);
  if (node.operands() == 1) return node.result(OpKind::identity, NoParams{}, {sum});
  for (size_t index = 1; index + 1 < node.operands(); ++index) {
    sum = node.binary(std::to_string(index), kind, sum, node.operand(index));
  }
  result_binary(node, kind, sum, node.operand(node.operands() - 1));
}

void import_mean(NodeImport& node) {
  ValueId sum = node.operand(0);
  if (node.operands() == 1) return node.result(OpKind::identity, NoParams{}, {sum});
  for (size_t index = 1; index < node.operands(); ++index) {
    sum = node.binary(std::to_string(index), BinaryKind::add, sum, node.operand(index));
  }
  const auto count = static_cast<double>(node.operands());
  result_binary(node, BinaryKind::div, sum, node.scalar_constant("count", node.desc(sum).type, count));
}

void import_clip(NodeImport& node) {
  Limit low;
  Limit high;
  constexpr int64_t first_with_operands = 11;
  if (node.opset() < first_with_operands) {
    constexpr float most = std::numeric_limits<float>::max();
    if (const float number = node.attribute("min", -most); number != -most) low.number = number;
    if (const float number = node.attribute("max", most); number != most) high.number = number;
  }
  const ValueId x = node.operand(0);
  if (node.opset() >= first_with_operands) {
    low = limit_operand(node, 1);
    high = limit_operand(node, 2);
  }
  if (!low.given() && !high.given()) return node.result(OpKind::identity, NoParams{}, {x});
  const auto range = range_in_float(node.desc(x).type);
  const bool numbers = (!low.given() || low.number) && (!high.given() || high.number);
  if (range && numbers) {
    const float alpha = low.number ? static_cast<float>(*low.number) : range->lowest;
    const float beta = high.number ? static_cast<float>(*high.number) : range->highest;
    return node.result(OpKind::unary, UnaryParams{UnaryKind::clip, alpha, beta}, {x});
  }
  // Limits that are computed, or that float does not hold: two comparisons.
  if (!high.given()) return result_binary(node, BinaryKind::max, x, scalar_limit(node, x, low));
  const ValueId y = low.given() ? node.binary("min", BinaryKind::max, x, scalar_limit(node, x, low)) : x;
  result_binary(node, BinaryKind::min, y, scalar_limit(node, x, high));
}

void import_mod(NodeImport& node) {
  const bool towards_zero = node.attribute("fmod", int64_t{0}) != 0;
  const ValueId a = node.operand(0);
  result_binary(node, towards_zero ? BinaryKind::remainder : BinaryKind::modulo, a, node.operand(1));
}

void import_is_nan(NodeImport& node) {
  const ValueId x = node.operand(0);
  const ValueId equal = node.binary("equal", BinaryKind::equal, x, x);
  node.result(OpKind::unary, UnaryParams{UnaryKind::logical_not}, {equal});
}

void import_is_inf(NodeImport& node) {
  const bool positive = node.attribute("detect_positive", int64_t{1}) != 0;
  const bool negative = node.attribute("detect_negative", int64_t{1}) != 0;
  const ValueId x = node.operand(0);
  const TensorDesc desc = node.desc(x);
  if (!positive && !negative) {
    const ValueId no = node.scalar_constant("no", DataType::boolean, 0);
    return node.result(OpKind::expand, ExpandParams{{desc.shape.dims().begin(), desc.shape.dims().end()}},
                       {no});
  }
  constexpr double infinite = std::numeric_limits<double>::infinity();
  const ValueId limit = node.scalar_constant("limit", desc.type, positive ? infinite : -infinite);
  const ValueId either = positive && negative ? node.unary("abs", UnaryKind::abs, x) : x;
  result_binary(node, BinaryKind::equal, either, limit);
}

}  // namespace raceline
