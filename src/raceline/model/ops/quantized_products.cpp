// Products of quantised numbers. Products of 8-bit numbers are summed in i32 or f64, where they are exact;
// the QLinear ops multiply the sums, in f32, by a_scale * b_scale / y_scale before they are quantised.
#include <fmt/format.h>

#include "raceline/model/ops/conv.h"
#include "raceline/model/ops/import_functions.h"
#include "raceline/model/ops/quantize.h"

namespace raceline {
namespace {

void want_8_bits(const NodeImport& node, std::string_view what, ValueId x) {
  want_type(node, what, node.desc(x).type, {DataType::i8, DataType::u8});
}

/// A per-tensor value, or one for each row ([M], or of the matrices' rank with extent 1 along the last axis).
ValueId by_row(NodeImport& node, std::string_view label, ValueId value, const Shape& matrix) {
  const Shape given = node.shape(value);
  if (given.rank() != 1) return value;
  if (given[0] == 1) return node.reshape(label, value, {});
  if (matrix.rank() < 2 || given[0] != matrix[matrix.rank() - 2]) {
    node.fail(fmt::format("{} is {} for the rows of {}", label, given.to_string(), matrix.to_string()));
  }
  return node.reshape(label, value, {given[0], 1});
}

/// Likewise for each column.
ValueId by_column(NodeImport& node, std::string_view label, ValueId value, const Shape& matrix) {
  const Shape given = node.shape(value);
  if (given.rank() != 1) return value;
  if (given[0] == 1) return node.reshape(label, value, {});
  if (matrix.rank() < 2 || given[0] != matrix[matrix.rank() - 1]) {
    node.fail(fmt::format("{} is {} for the columns of {}", label, given.to_string(), matrix.to_string()));
  }
  return value;
}

/// Two matrices of 8-bit numbers, centred, in i32: their product's sums wrap around as the specification
/// says.
std::vector<ValueId> integer_matrices(NodeImport& node, size_t a_index, size_t a_zero, size_t b_index,
                                      size_t b_zero) {
  const ValueId a = node.operand(a_index);
  const ValueId b = node.operand(b_index);
  want_8_bits(node, "a matrix", a);
  want_8_bits(node, "a matrix", b);
  ValueId za = zero_point(node, a_zero, a);
  ValueId zb = zero_point(node, b_zero, b);
  if (za != absent) za = by_row(node, "a_zero_point", za, node.shape(a));
  if (zb != absent) zb = by_column(node, "b_zero_point", zb, node.shape(b));
  return {centred(node, "a", DataType::i32, a, za), centred(node, "b", DataType::i32, b, zb)};
}

/// The sums of products in f64. Padding is with the zero point: with 0 once that is subtracted.
ValueId integer_conv(NodeImport& node, size_t x_index, size_t x_zero, size_t w_index, size_t w_zero,
                     ValueId bias) {
  const ValueId x = node.operand(x_index);
  const ValueId w = node.operand(w_index);
  want_8_bits(node, "an image", x);
  want_8_bits(node, "weights", w);
  const ValueId zx = zero_point(node, x_zero, x);
  ValueId zw = zero_point(node, w_zero, w);
  if (zx != absent && node.shape(zx).elements() != 1) {
    node.fail(fmt::format("the image's zero point is {}; one number wanted", node.desc(zx).to_string()));
  }
  if (zw != absent) zw = spread(node, "w_zero_point", zw, node.shape(w), {.axis = 0});
  const ValueId image =
      centred(node, "x", DataType::f64, x, zx == absent ? zx : spread(node, "x_zero_point", zx, {}, {}));
  const ValueId weights = centred(node, "w", DataType::f64, w, zw);
  return add_conv(node, image, weights, bias == absent ? bias : cast_to(node, "b_f64", DataType::f64, bias));
}

/// Quantises sums of products: they are multiplied, in f32, by a_scale * b_scale / y_scale.
void result_requantised(NodeImport& node, ValueId sums, ValueId a_scale, ValueId b_scale, ValueId y_scale,
                        ValueId y_zero, DataType to) {
  const auto f32 = [&](std::string_view label, ValueId scale) {
    return cast_to(node, label, DataType::f32, scale);
  };
  const ValueId scales =
      node.binary("scales", BinaryKind::mul, f32("a_scale_f32", a_scale), f32("b_scale_f32", b_scale));
  const ValueId factor = node.binary("factor", BinaryKind::div, scales, f32("y_scale_f32", y_scale));
  const ValueId scaled =
      node.binary("scaled", BinaryKind::mul, cast_to(node, "sums", DataType::f32, sums), factor);
  unspread(node, "a scale", sums, scaled);
  result_quantised(node, scaled, y_zero, to);
}

}  // namespace

void import_conv_integer(NodeImport& node) {
  node.result(OpKind::cast, CastParams{DataType::i32}, {integer_conv(node, 0, 2, 1, 3, absent)}, "cast");
}

void import_matmul_integer(NodeImport& node) {
  node.result(OpKind::matmul, NoParams{}, integer_matrices(node, 0, 2, 1, 3));
}

/// Operands: x, its scale and zero point, w and its, y's scale and zero point, bias.
void import_qlinear_conv(NodeImport& node) {
  const ValueId bias = node.has(8) ? node.operand(8) : absent;
  if (bias != absent) want_type(node, "a bias", node.desc(bias).type, {DataType::i32});
  for (const size_t scale : {1, 4, 6}) want_scale(node, node.operand(scale));
  const DataType to =
      want_type(node, "a result", node.desc(node.operand(7)).type, {DataType::i8, DataType::u8});
  const ValueId sums = integer_conv(node, 0, 2, 3, 5, bias);
  const Shape shape = node.shape(sums);
  const auto one = [&](std::string_view label, ValueId value) {
    if (node.shape(value).elements() != 1) {
      node.fail(fmt::format("{} is {}; one number wanted", label, node.desc(value).to_string()));
    }
    return node.shape(value).rank() == 0 ? value : node.reshape(label, value, {});
  };
  const ValueId y_zero = zero_point(node, 7, absent);
  result_requantised(node, sums, one("x_scale", node.operand(1)),
                     spread(node, "w_scale", node.operand(4), shape, {.axis = 1}),
                     one("y_scale", node.operand(6)), y_zero == absent ? y_zero : one("y_zero_point", y_zero),
                     to);
}

/// Operands: a, its scale and zero point, b and its, y's scale and zero point.
void import_qlinear_matmul(NodeImport& node) {
  for (const size_t scale : {1, 4, 6}) want_scale(node, node.operand(scale));
  const DataType to =
      want_type(node, "a result", node.desc(node.operand(7)).type, {DataType::i8, DataType::u8});
  const ValueId sums = node.add_main(OpKind::matmul, NoParams{}, integer_matrices(node, 0, 2, 3, 5));
  const Shape shape = node.shape(sums);
  const ValueId y_zero = zero_point(node, 7, absent);
  result_requantised(node, sums, by_row(node, "a_scale", node.operand(1), node.shape(node.operand(0))),
                     by_column(node, "b_scale", node.operand(4), node.shape(node.operand(3))),
                     by_row(node, "y_scale", node.operand(6), shape),
                     y_zero == absent ? y_zero : by_row(node, "y_zero_point", y_zero, shape), to);
}

}  // namespace raceline
