// Quantised numbers, by what the specifications say: x / scale is rounded to the nearest even, shifted by the
// zero point, saturated and cast; (x - zero_point) * scale goes back. f32 holds whole numbers up to 2^24, so
// shifts and limits of 16-bit types are exact.
#include "raceline/model/ops/quantize.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/number.h"
#include "raceline/model/ops/import_functions.h"
#include "raceline/model/ops/reduce.h"

namespace raceline {
namespace {

/// Repeats each element along an axis `block` times and cuts what is too much. Axes before and behind are
/// taken as one, so that any rank has room for one axis more.
ValueId repeated(NodeImport& node, std::string_view label, ValueId blocks, const Shape& x, int axis,
                 int64_t block) {
  const auto name = [&](std::string_view part) { return fmt::format("{}_{}", label, part); };
  const int64_t outer = x.elements(0, axis), inner = x.elements(axis + 1, x.rank());
  const int64_t count = node.shape(blocks)[axis];
  const ValueId apart = node.reshape(name("blocks"), blocks, {outer, count, 1, inner});
  ValueId y = node.add(name("repeat"), OpKind::expand, ExpandParams{{outer, count, block, inner}}, {apart});
  if (count * block != x[axis]) {
    y = node.reshape(name("rows"), y, {outer, count * block, inner});
    y = node.add(name("cut"), OpKind::slice, SliceParams{{0, 0, 0}, {outer, x[axis], inner}, {1, 1, 1}}, {y});
  }
  return node.reshape(label, y, {x.dims().begin(), x.dims().end()});
}

FloatRange range_of(NodeImport& node, DataType type) {
  const auto range = range_in_float(type);
  if (!range) node.fail(fmt::format("results of type {} are not quantised", to_string(type)));
  return *range;
}

}  // namespace

ValueId cast_to(NodeImport& node, std::string_view label, DataType type, ValueId x) {
  return node.desc(x).type == type ? x : node.add(label, OpKind::cast, CastParams{type}, {x});
}

DataType want_type(const NodeImport& node, std::string_view what, DataType type,
                   std::initializer_list<DataType> wanted) {
  if (std::find(wanted.begin(), wanted.end(), type) != wanted.end()) return type;
  std::string list;
  for (const DataType each : wanted) list += fmt::format("{}{}", list.empty() ? "" : ", ", to_string(each));
  node.refuse(fmt::format("{} of type {} is not supported; {} are", what, to_string(type), list));
}

DataType want_scale(const NodeImport& node, ValueId scale) {
  return want_type(node, "a scale", node.desc(scale).type, {DataType::f32, DataType::f16, DataType::bf16});
}

ValueId zero_point(const NodeImport& node, size_t index, ValueId quantised) {
  if (!node.has(index)) return absent;
  const ValueId value = node.operand(index);
  const DataType type = node.desc(value).type;
  if (quantised != absent && type != node.desc(quantised).type) {
    node.fail(fmt::format("the zero point (operand {}) is {}; type {} wanted, as of what it belongs to",
                          index, node.desc(value).to_string(), to_string(node.desc(quantised).type)));
  }
  if (!node.known(value)) return value;
  const auto bytes = node.value(index);
  const auto* data = bytes.data<std::byte>();
  const bool zero =
      std::all_of(data, data + bytes.desc.bytes(), [](std::byte b) { return b == std::byte{}; });
  return zero ? absent : value;
}

ValueId spread(NodeImport& node, std::string_view label, ValueId value, const Shape& x, Granularity by) {
  const Shape given = node.shape(value);
  if (given.rank() == 0) return value;
  if (given.rank() == 1 && given[0] == 1) return node.reshape(label, value, {});
  const auto axis = static_cast<int>(node.axis(by.axis, x.rank()));
  if (given.rank() == 1 && by.block == 0 && given[0] == x[axis]) {
    std::vector<int64_t> dims(static_cast<size_t>(x.rank()), 1);
    dims[static_cast<size_t>(axis)] = given[0];
    return node.reshape(label, value, std::move(dims));
  }
  // A block may be longer than the axis; cut, so that products stay small.
  const int64_t block = std::min(by.block, x[axis]);
  if (block < 1 || given != x.with(axis, (x[axis] - 1) / block + 1)) {
    node.fail(fmt::format("{} is {} for an input {}, axis {}, blocks of {}", label,
                          node.desc(value).to_string(), x.to_string(), axis, by.block));
  }
  return repeated(node, label, value, x, axis, block);
}

void result_quantised(NodeImport& node, ValueId x, ValueId zero, DataType to) {
  ValueId y = cast_to(node, "wide", DataType::f32, node.unary("round", UnaryKind::round, x));
  if (zero != absent) {
    y = node.binary("shift", BinaryKind::add, y, cast_to(node, "zero_f32", DataType::f32, zero));
  }
  const FloatRange range = range_of(node, to);
  y = node.unary("saturate", UnaryKind::clip, y, range.lowest, range.highest);
  node.result(OpKind::cast, CastParams{to}, {y});
}

ValueId unspread(const NodeImport& node, std::string_view what, ValueId x, ValueId y) {
  if (node.shape(x) != node.shape(y)) {
    node.fail(fmt::format("{} is spread over {}, which is larger than {}", what, node.shape(y).to_string(),
                          node.shape(x).to_string()));
  }
  return y;
}

ValueId centred(NodeImport& node, std::string_view label, DataType type, ValueId x, ValueId zero) {
  const ValueId wide = cast_to(node, fmt::format("{}_wide", label), type, x);
  if (zero == absent) return wide;
  const ValueId wide_zero = cast_to(node, fmt::format("{}_zero", label), type, zero);
  return unspread(node, "the zero point", x,
                  node.binary(fmt::format("{}_centred", label), BinaryKind::sub, wide, wide_zero));
}

void import_quantize(NodeImport& node) {
  const Granularity by{node.attribute("axis", int64_t{1}), node.attribute("block_size", int64_t{0})};
  const int64_t output_number = node.attribute("output_dtype", int64_t{0});
  const int64_t precision = node.attribute("precision", int64_t{0});
  DataType to = DataType::u8;
  if (output_number != 0) to = node.type_attribute("output_dtype");
  const ValueId x = node.operand(0);
  const ValueId scale = node.operand(1);
  if (node.has(2)) {
    const DataType stated = std::exchange(to, node.desc(node.operand(2)).type);
    if (output_number != 0 && stated != to) {
      node.fail(
          fmt::format("attribute 'output_dtype' is {}, the zero point {}", to_string(stated), to_string(to)));
    }
  }
  want_type(node, "a result", to, {DataType::i8, DataType::u8, DataType::i16, DataType::u16});
  want_type(node, "an input", node.desc(x).type,
            {DataType::f32, DataType::f16, DataType::bf16, DataType::i32});
  DataType division = want_scale(node, scale);
  if (precision != 0) {
    division = want_type(node, "precision", node.type_attribute("precision"),
                         {DataType::f32, DataType::f16, DataType::bf16, DataType::f64});
  }
  const Shape shape = node.shape(x);
  const ValueId divisor = cast_to(node, "divisor", division, spread(node, "scale", scale, shape, by));
  ValueId zero = zero_point(node, 2, absent);
  if (zero != absent) zero = spread(node, "zero_point", zero, shape, by);
  const ValueId dividend = cast_to(node, "dividend", division, x);
  result_quantised(node, node.binary("quotient", BinaryKind::div, dividend, divisor), zero, to);
}

void import_dequantize(NodeImport& node) {
  const Granularity by{node.attribute("axis", int64_t{1}), node.attribute("block_size", int64_t{0})};
  const bool states_type = node.attribute("output_dtype", int64_t{0}) != 0;
  const ValueId x = node.operand(0);
  const ValueId scale = node.operand(1);
  const DataType of_scale = want_scale(node, scale);
  const DataType to = states_type ? node.type_attribute("output_dtype") : of_scale;
  want_type(node, "a result", to, {DataType::f32, DataType::f16, DataType::bf16});
  want_type(node, "an input", node.desc(x).type,
            {DataType::i8, DataType::u8, DataType::i16, DataType::u16, DataType::i32});
  const Shape shape = node.shape(x);
  ValueId zero = zero_point(node, 2, x);
  if (zero != absent) zero = spread(node, "zero_point", zero, shape, by);
  // A difference of 32-bit integers is exact in f64, and then rounded once.
  const bool wide = node.desc(x).type == DataType::i32 && zero != absent;
  const ValueId difference = centred(node, "x", wide ? DataType::f64 : DataType::f32, x, zero);
  const ValueId factor = cast_to(node, "factor", DataType::f32, spread(node, "scale", scale, shape, by));
  const ValueId left = cast_to(node, "difference", DataType::f32, difference);
  if (to == DataType::f32) return node.result(OpKind::binary, BinaryParams{BinaryKind::mul}, {left, factor});
  const ValueId y = node.add_main(OpKind::binary, BinaryParams{BinaryKind::mul}, {left, factor});
  node.result(OpKind::cast, CastParams{to}, {y}, "cast");
}

/// Scale and zero point from the largest and smallest element, so that 0 is exact. An input of zeros has
/// scale 0 by the formula, and is divided by the smallest normal number in its place: 0 either way.
void import_dynamic_quantize(NodeImport& node) {
  const ValueId x = node.operand(0);
  want_type(node, "an input", node.desc(x).type, {DataType::f32});
  std::vector<int64_t> axes(static_cast<size_t>(node.shape(x).rank()));
  for (size_t axis = 0; axis < axes.size(); ++axis) axes[axis] = static_cast<int64_t>(axis);
  const auto number = [&](std::string_view label, double value) {
    return node.scalar_constant(label, DataType::f32, value);
  };
  const ValueId none = number("none", 0);
  const ValueId most =
      node.binary("most", BinaryKind::max,
                  node.reshape("largest", reduce(node, "max", ReduceKind::max, x, axes), {}), none);
  const ValueId least =
      node.binary("least", BinaryKind::min,
                  node.reshape("smallest", reduce(node, "min", ReduceKind::min, x, axes), {}), none);
  const FloatRange range = range_of(node, DataType::u8);
  const ValueId scale =
      node.binary("scale", BinaryKind::div, node.binary("range", BinaryKind::sub, most, least),
                  number("steps", static_cast<double>(range.highest)));
  const ValueId divisor = node.binary("divisor", BinaryKind::max, scale,
                                      number("tiny", static_cast<double>(std::numeric_limits<float>::min())));
  const ValueId offset = node.binary("offset", BinaryKind::div, least, divisor);
  const ValueId zero =
      node.unary("zero_round", UnaryKind::round,
                 node.unary("zero_saturate", UnaryKind::clip, node.unary("zero", UnaryKind::neg, offset),
                            range.lowest, range.highest));
  result_quantised(node, node.binary("quotient", BinaryKind::div, x, divisor), zero, DataType::u8);
  if (node.wants(1)) node.result(OpKind::identity, NoParams{}, {scale}, "scale_out", 1);
  if (node.wants(2)) node.result(OpKind::cast, CastParams{DataType::u8}, {zero}, "zero_out", 2);
}

}  // namespace raceline
