#include "raceline/model/ops/reduce.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

std::vector<int64_t> dims_of(const Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

/// Whether the axes are all spatial axes of an image, which a pool takes as it is.
bool are_spatial(const std::vector<int64_t>& axes, int rank) {
  return rank >= 3 && rank <= 5 && axes.size() == static_cast<size_t>(rank - 2) && axes.front() == 2;
}

ValueId pool(NodeImport& node, std::string_view label, bool maximum, ValueId x) {
  const Shape shape = node.shape(x);
  PoolParams params;
  params.kernel.assign(shape.dims().begin() + 2, shape.dims().end());
  return node.add(label, maximum ? OpKind::max_pool : OpKind::average_pool, std::move(params), {x});
}

}  // namespace

ValueId reduce(NodeImport& node, std::string_view label, Reduction reduction, ValueId x,
               std::vector<int64_t> axes) {
  const TensorDesc desc = node.desc(x);
  const int rank = desc.shape.rank();
  if (!is_float(desc.type))
    node.refuse(fmt::format("reduction of {}; floats are supported", desc.to_string()));
  if (desc.shape.elements() == 0)
    node.refuse(fmt::format("reduction of the empty tensor {}", desc.to_string()));
  if (axes.empty()) return x;
  std::sort(axes.begin(), axes.end());
  std::vector<int64_t> reduced_dims = dims_of(desc.shape);
  int64_t count = 1;
  for (const int64_t axis : axes) count *= std::exchange(reduced_dims[static_cast<size_t>(axis)], 1);

  const auto name = [&](std::string_view part) { return fmt::format("{}_{}", label, part); };
  ValueId y = x;
  if (reduction == Reduction::min) y = node.unary(name("neg"), UnaryKind::neg, y);
  if (!are_spatial(axes, rank)) {
    std::vector<int64_t> order;
    for (int64_t axis = 0; axis < rank; ++axis) {
      if (!std::binary_search(axes.begin(), axes.end(), axis)) order.push_back(axis);
    }
    order.insert(order.end(), axes.begin(), axes.end());
    if (!std::is_sorted(order.begin(), order.end())) {
      y = node.add(name("transpose"), OpKind::transpose, TransposeParams{order}, {y});
    }
    y = node.reshape(name("rows"), y, {1, desc.shape.elements() / count, count});
  }
  y = pool(node, name("pool"), reduction == Reduction::max || reduction == Reduction::min, y);
  if (reduction == Reduction::min) y = node.unary(name("back"), UnaryKind::neg, y);
  if (reduction == Reduction::sum) {
    y = node.binary(name("sum"), BinaryKind::mul, y,
                    node.scalar_constant(name("count"), desc.type, static_cast<double>(count)));
  }
  return dims_of(node.shape(y)) == reduced_dims ? y : node.reshape(name("shape"), y, reduced_dims);
}

void import_reduce(NodeImport& node) {
  const bool keep = node.attribute("keepdims", int64_t{1}) != 0;
  const bool none_is_none = node.attribute("noop_with_empty_axes", int64_t{0}) != 0;
  const ValueId x = node.operand(0);
  const int rank = node.shape(x).rank();
  std::vector<int64_t> axes =
      node.has(1) ? node.integers(1) : node.integers("axes").value_or(std::vector<int64_t>{});
  axes = node.axes(std::move(axes), rank);
  if (axes.empty() && !none_is_none) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  std::vector<int64_t> dims;
  for (int axis = 0; axis < rank; ++axis) {
    const bool reduced = std::find(axes.begin(), axes.end(), axis) != axes.end();
    if (!reduced) dims.push_back(node.shape(x)[axis]);
    if (reduced && keep) dims.push_back(1);
  }
  const ValueId y = reduce(node, "reduce", static_cast<Reduction>(node.kind()), x, axes);
  node.result(OpKind::reshape, ReshapeParams{dims}, {y});
}

}  // namespace raceline
