// Constants, and nodes that pass their operand on.
#include <cmath>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/node_import.h"
#include "raceline/model/number.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

/// The largest table that is computed while a model is read.
constexpr int64_t most_elements = int64_t{1} << 24;

template <class T>
Tensor progression(int64_t count, T start, T delta) {
  Tensor tensor({data_type_of<T>, {count}});
  for (int64_t index = 0; index < count; ++index) {
    if constexpr (std::is_integral_v<T>) {  // a product may leave the type where the sum does not
      tensor.data<T>()[index] = static_cast<T>(static_cast<uint64_t>(start) +
                                               static_cast<uint64_t>(index) * static_cast<uint64_t>(delta));
    } else {
      tensor.data<T>()[index] = start + static_cast<T>(index) * delta;
    }
  }
  return tensor;
}

template <class T>
Tensor progression_of(const NodeImport& node) {
  const T start = *node.value(0).data<T>();
  const T limit = *node.value(1).data<T>();
  const T delta = *node.value(2).data<T>();
  const double count =
      std::ceil((static_cast<double>(limit) - static_cast<double>(start)) / static_cast<double>(delta));
  if (std::isnan(count)) node.fail("the step of a range is 0");
  if (count > static_cast<double>(most_elements)) node.refuse(fmt::format("a range of {} elements", count));
  if (count > 0) node.spend(static_cast<size_t>(count) * sizeof(T));
  return progression<T>(count < 0 ? 0 : static_cast<int64_t>(count), start, delta);
}

/// Ones of any shape: one element, expanded.
void result_ones(NodeImport& node, DataType type, const Shape& shape, size_t output) {
  const ValueId one = node.scalar_constant("one", type, 1);
  node.result(OpKind::expand, ExpandParams{{shape.dims().begin(), shape.dims().end()}}, {one}, "mask",
              output);
}

}  // namespace

void import_constant(NodeImport& node) {
  for (const std::string_view name : {"sparse_value", "value_string", "value_strings"}) {
    if (node.has_attribute(name)) node.refuse("such a value is not supported", std::string(name));
  }
  const auto vector = [](const auto& values) {
    using T = typename std::decay_t<decltype(values)>::value_type;
    return Tensor::of<T>({static_cast<int64_t>(values.size())}, values);
  };
  if (node.has_attribute("value")) return node.result_tensor("value");
  if (node.has_attribute("value_float")) {
    return node.result(filled(DataType::f32, {}, node.attribute("value_float", 0.0f)));
  }
  if (node.has_attribute("value_int")) {
    const int64_t number = node.attribute("value_int", int64_t{0});
    return node.result(Tensor::of<int64_t>({}, std::span(&number, 1)));
  }
  if (const auto values = node.floats("value_floats")) return node.result(vector(*values));
  if (const auto values = node.integers("value_ints")) return node.result(vector(*values));
  node.fail("it has no value");
}

void import_constant_of_shape(NodeImport& node) {
  Tensor value = filled(DataType::f32, {}, 0);
  if (auto given = node.tensor("value")) {
    if (given->desc().shape.elements() != 1) {
      node.fail(fmt::format("attribute 'value' is {}; a single element wanted", given->desc().to_string()));
    }
    value = std::move(*given);
  }
  const std::vector<int64_t> dims = node.integers(size_t{0});
  const int axes = value.desc().shape.rank();
  if (static_cast<size_t>(axes) <= dims.size()) {
    const ValueId one = node.constant("value", std::move(value));
    // Not filled here: a shape costs the file nothing.
    return node.result(OpKind::expand, ExpandParams{dims}, {one});
  }
  const ValueId one = node.constant("value", std::move(value));
  node.result(OpKind::reshape, ReshapeParams{}, {one});
}

void import_range(NodeImport& node) {
  for (size_t index = 0; index < 3; ++index) {
    const TensorDesc desc = node.desc(node.operand(index));
    if (desc.shape.elements() != 1 || desc.type != node.desc(node.operand(0)).type) {
      node.fail(fmt::format("operand {} is {}; single elements of one type wanted", index, desc.to_string()));
    }
  }
  switch (node.desc(node.operand(0)).type) {
    case DataType::f32:
      return node.result(progression_of<float>(node));
    case DataType::f64:
      return node.result(progression_of<double>(node));
    case DataType::i16:
      return node.result(progression_of<int16_t>(node));
    case DataType::i32:
      return node.result(progression_of<int32_t>(node));
    case DataType::i64:
      return node.result(progression_of<int64_t>(node));
    default:
      node.refuse(fmt::format("a range of {}", to_string(node.desc(node.operand(0)).type)));
  }
}

void import_identity(NodeImport& node) {
  node.result(OpKind::identity, NoParams{}, {node.operand(0)});
}

void import_dropout(NodeImport& node) {
  constexpr int64_t first_without_is_test = 7;
  constexpr int64_t first_with_bool_mask = 10;
  constexpr int64_t first_with_operands = 12;
  if (node.opset() < first_without_is_test && node.attribute("is_test", int64_t{0}) == 0 &&
      node.attribute("ratio", 0.5f) != 0) {
    node.refuse("training is not supported (is_test is 0)", "is_test");
  }
  const ValueId x = node.operand(0);
  if (node.opset() >= first_with_operands && node.has(2) && node.scalar(2) != 0) {
    constexpr double usual_ratio = 0.5;
    if ((node.has(1) ? node.scalar(1) : usual_ratio) != 0) node.refuse("training is not supported");
  }
  const TensorDesc desc = node.desc(x);
  node.result(OpKind::identity, NoParams{}, {x});
  if (!node.wants(1)) return;
  result_ones(node, node.opset() < first_with_bool_mask ? desc.type : DataType::boolean, desc.shape, 1);
}

void import_cast(NodeImport& node) {
  const DataType to = node.type_attribute("to");
  node.result(OpKind::cast, CastParams{to}, {node.operand(0)});
}

void import_cast_like(NodeImport& node) {
  const ValueId x = node.operand(0);
  node.result(OpKind::cast, CastParams{node.desc(node.operand(1)).type}, {x});
}

}  // namespace raceline
