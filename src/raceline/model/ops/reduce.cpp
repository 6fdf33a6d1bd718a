// Reductions, and what is made of them: extremes' places, running sums, norms.
#include "raceline/model/ops/reduce.h"

#include <algorithm>
#include <limits>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/counting.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

/// Whether the reduction is a pool over the whole image: floats, and the axes are all spatial ones.
bool is_pool(ReduceKind kind, const TensorDesc& x, const std::vector<int64_t>& axes) {
  const int rank = x.shape.rank();
  const bool known = kind == ReduceKind::mean || kind == ReduceKind::sum || kind == ReduceKind::max;
  return known && is_float(x.type) && x.shape.elements() > 0 && rank >= 4 && rank <= 5 &&
         axes.size() == static_cast<size_t>(rank - 2) && axes.front() == 2;
}

std::vector<int64_t> all_axes(int rank) {
  std::vector<int64_t> axes(static_cast<size_t>(rank));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// One at the first of the largest elements along the axis of x, 0 elsewhere.
void result_hardmax(NodeImport& node, ValueId x, int64_t axis, const Shape& shape) {
  const TensorDesc desc = node.desc(x);
  const ValueId place = node.add("place", OpKind::arg_reduce, ArgReduceParams{.axis = axis}, {x});
  const ValueId count = counting(node, "count", 0, desc.shape, axis);
  const ValueId equal = node.binary("equal", BinaryKind::equal, count, place);
  const ValueId ones = node.add_main(OpKind::cast, CastParams{desc.type}, {equal});
  node.result(OpKind::reshape, ReshapeParams{{shape.dims().begin(), shape.dims().end()}}, {ones});
}

}  // namespace

ValueId reduce(NodeImport& node, std::string_view label, ReduceKind kind, ValueId x,
               std::vector<int64_t> axes) {
  if (axes.empty()) return x;
  std::sort(axes.begin(), axes.end());
  const TensorDesc desc = node.desc(x);
  if (!is_pool(kind, desc, axes)) return node.add(label, OpKind::reduce, ReduceParams{kind, axes, true}, {x});
  PoolParams params;
  params.kernel.assign(desc.shape.dims().begin() + 2, desc.shape.dims().end());
  const OpKind op = kind == ReduceKind::max ? OpKind::max_pool : OpKind::average_pool;
  if (kind != ReduceKind::sum) return node.add(label, op, std::move(params), {x});
  const auto count = static_cast<double>(desc.shape.elements(2, desc.shape.rank()));
  const ValueId mean = node.add(fmt::format("{}_mean", label), op, std::move(params), {x});
  return node.binary(label, BinaryKind::mul, mean,
                     node.scalar_constant(fmt::format("{}_count", label), desc.type, count));
}

void import_reduce(NodeImport& node) {
  const auto kind = static_cast<ReduceKind>(node.kind());
  const bool keep = node.attribute("keepdims", int64_t{1}) != 0;
  const bool none_is_none = node.attribute("noop_with_empty_axes", int64_t{0}) != 0;
  const ValueId x = node.operand(0);
  const TensorDesc desc = node.desc(x);
  std::vector<int64_t> axes =
      node.has(1) ? node.integers(size_t{1}) : node.integers("axes").value_or(std::vector<int64_t>{});
  axes = node.axes(std::move(axes), desc.shape.rank());
  if (axes.empty()) {
    if (none_is_none) return node.result(OpKind::identity, NoParams{}, {x});
    axes = all_axes(desc.shape.rank());
  }
  std::sort(axes.begin(), axes.end());
  if (!is_pool(kind, desc, axes)) {
    return node.result(OpKind::reduce, ReduceParams{kind, std::move(axes), keep}, {x});
  }
  const ValueId pooled = reduce(node, "reduce", kind, x, axes);
  std::vector<int64_t> dims(desc.shape.dims().begin(), desc.shape.dims().begin() + 2);
  if (keep) dims.resize(static_cast<size_t>(desc.shape.rank()), 1);
  node.result(OpKind::reshape, ReshapeParams{dims}, {pooled});
}

void import_arg_reduce(NodeImport& node) {
  ArgReduceParams params{.smallest = node.kind() != 0};
  params.keep_dims = node.attribute("keepdims", int64_t{1}) != 0;
  params.last = node.attribute("select_last_index", int64_t{0}) != 0;
  const int64_t stated = node.attribute("axis", int64_t{0});
  const ValueId x = node.operand(0);
  params.axis = node.axis(stated, node.shape(x).rank());
  node.result(OpKind::arg_reduce, params, {x});
}

void import_cum_sum(NodeImport& node) {
  CumSumParams params;
  params.exclusive = node.attribute("exclusive", int64_t{0}) != 0;
  params.reverse = node.attribute("reverse", int64_t{0}) != 0;
  const ValueId x = node.operand(0);
  const std::vector<int64_t> axis = node.integers(size_t{1});
  if (axis.size() != 1) node.fail(fmt::format("operand 1 has {} elements; one axis wanted", axis.size()));
  params.axis = node.axis(axis[0], node.shape(x).rank());
  node.result(OpKind::cum_sum, params, {x});
}

void import_lp_normalization(NodeImport& node) {
  const int64_t power = node.attribute("p", int64_t{2});
  if (power != 1 && power != 2) node.refuse(fmt::format("{}; 1 and 2 are supported", power), "p");
  const int64_t stated = node.attribute("axis", int64_t{-1});
  const ValueId x = node.operand(0);
  const DataType type = node.desc(x).type;
  const int64_t axis = node.axis(stated, node.shape(x).rank());
  const ValueId norm = reduce(node, "norm", power == 1 ? ReduceKind::l1 : ReduceKind::l2, x, {axis});
  // Where the norm is 0 so is x, and stays it.
  const double least = type == DataType::f64 ? std::numeric_limits<double>::denorm_min()
                                             : std::numeric_limits<float>::denorm_min();
  const ValueId divisor =
      node.binary("divisor", BinaryKind::max, norm, node.scalar_constant("least", type, least));
  node.result(OpKind::binary, BinaryParams{BinaryKind::div}, {x, divisor});
}

void import_hardmax(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{-1});
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  result_hardmax(node, x, node.axis(stated, shape.rank()), shape);
}

void import_coerced_hardmax(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{1});
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  const auto axis = static_cast<int>(node.axis(stated, shape.rank(), true));
  const std::vector<int64_t> rows{shape.elements(0, axis), shape.elements(axis, shape.rank())};
  result_hardmax(node, node.reshape("rows", x, rows), 1, shape);
}

}  // namespace raceline
