// Patterns of ones and zeros: positions compared with counting constants.
#include "raceline/model/ops/counting.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/import_functions.h"
#include "raceline/model/tensor_proto.h"

namespace raceline {
namespace {

/// A diagonal of a matrix of this shape: those further out than its corners are all the same.
int64_t diagonal_within(int64_t diagonal, int64_t rows, int64_t columns) {
  return std::clamp(diagonal, -rows - 1, columns + 1);
}

}  // namespace

ValueId counting(NodeImport& node, std::string_view label, int64_t first, const Shape& shape, int64_t axis) {
  constexpr int64_t most = int64_t{1} << 24;
  const int64_t count = shape[static_cast<int>(axis)];
  if (count > most) node.refuse(fmt::format("an axis of {} elements; at most {} are supported", count, most));
  std::vector<int64_t> dims(static_cast<size_t>(shape.rank()), 1);
  dims[static_cast<size_t>(axis)] = count;
  Tensor numbers({DataType::i64, Shape(dims)});
  for (int64_t i = 0; i < count; ++i) numbers.data<int64_t>()[i] = first + i;
  return node.constant(label, std::move(numbers));
}

void import_one_hot(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{-1});
  ValueId indices = node.operand(0);
  const ValueId values = node.operand(2);
  if (node.shape(values) != Shape{2})
    node.fail(fmt::format("its values are {}; two wanted", node.desc(values).to_string()));
  const double number = node.scalar(1);
  constexpr double most = 1 << 24;
  if (!(number >= 0) || number > most) node.refuse(fmt::format("a depth of {}", number));
  const auto depth = static_cast<int64_t>(number);
  std::vector<int64_t> dims(node.shape(indices).dims().begin(), node.shape(indices).dims().end());
  if (dims.size() == static_cast<size_t>(Shape::max_rank))
    node.refuse(fmt::format("a tensor of rank {}", dims.size() + 1));
  const int64_t axis = node.axis(stated, static_cast<int64_t>(dims.size()) + 1);

  if (node.desc(indices).type != DataType::i64)
    indices = node.add("indices", OpKind::cast, CastParams{DataType::i64}, {indices});
  dims.insert(dims.begin() + axis, 1);
  indices = node.reshape("places", indices, dims);
  const ValueId zero = node.scalar_constant("zero", DataType::i64, 0);
  const ValueId negative = node.binary("negative", BinaryKind::less, indices, zero);
  const ValueId from_end =
      node.binary("from_end", BinaryKind::add, indices, node.scalar_constant("depth", DataType::i64, number));
  const ValueId place = node.add("place", OpKind::where, NoParams{}, {negative, from_end, indices});
  const Shape shape = Shape(dims).with(static_cast<int>(axis), depth);
  const ValueId hot = node.binary("hot", BinaryKind::equal, place, counting(node, "count", 0, shape, axis));
  const auto value = [&](std::string_view label, int64_t at) {
    return node.reshape(
        label, node.add(fmt::format("{}_part", label), OpKind::slice, SliceParams{{at}, {1}, {1}}, {values}),
        {});
  };
  const ValueId off = value("off", 0);
  node.result(OpKind::where, NoParams{}, {hot, value("on", 1), off});
}

void import_eye_like(NodeImport& node) {
  const int64_t diagonal = node.attribute("k", int64_t{0});
  const int64_t number = node.attribute("dtype", int64_t{-1});
  const TensorDesc desc = node.desc(node.operand(0));
  if (desc.shape.rank() != 2) node.fail(fmt::format("its input is {}; rank 2 wanted", desc.to_string()));
  DataType type = desc.type;
  if (node.has_attribute("dtype")) {
    if (number < 0 || number > INT32_MAX) node.fail(fmt::format("attribute 'dtype' is {}", number));
    type = data_type_from_onnx(static_cast<int32_t>(number), "attribute 'dtype'");
  }
  const int64_t first = diagonal_within(diagonal, desc.shape[0], desc.shape[1]);
  const ValueId rows = counting(node, "rows", first, desc.shape, 0);
  const ValueId columns = counting(node, "columns", 0, desc.shape, 1);
  const ValueId equal = node.binary("equal", BinaryKind::equal, rows, columns);
  node.result(OpKind::cast, CastParams{type}, {equal});
}

void import_trilu(NodeImport& node) {
  const bool upper = node.attribute("upper", int64_t{1}) != 0;
  const ValueId x = node.operand(0);
  const TensorDesc desc = node.desc(x);
  const int rank = desc.shape.rank();
  if (rank < 2) node.fail(fmt::format("its input is {}; a matrix wanted", desc.to_string()));
  const bool known = !node.has(1) || node.known(node.operand(1));
  int64_t first = 0;
  if (known && node.has(1)) {
    const std::vector<int64_t> diagonal = node.integers(size_t{1});
    if (diagonal.size() != 1)
      node.fail(fmt::format("operand 1 has {} elements; one wanted", diagonal.size()));
    first = diagonal_within(diagonal[0], desc.shape[rank - 2], desc.shape[rank - 1]);
  }
  ValueId rows = counting(node, "rows", first, desc.shape, rank - 2);
  if (!known) rows = node.binary("diagonal", BinaryKind::add, rows, node.reshape("k", node.operand(1), {}));
  const ValueId columns = counting(node, "columns", 0, desc.shape, rank - 1);
  const ValueId kept =
      node.binary("kept", upper ? BinaryKind::greater_equal : BinaryKind::less_equal, columns, rows);
  node.result(OpKind::where, NoParams{}, {kept, x, node.scalar_constant("zero", desc.type, 0)});
}

}  // namespace raceline
