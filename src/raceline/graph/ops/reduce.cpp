// Shape rules of reduce, arg_reduce, top_k and cum_sum. Source: ONNX ReduceSum and its relatives, ArgMax,
// ArgMin, TopK, CumSum.
#include "raceline/graph/ops/reduce.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

constexpr std::string_view reduce_kinds[] = {"sum", "mean", "prod",       "max",     "min",
                                             "l1",  "l2",   "sum_square", "log_sum", "log_sum_exp"};
static_assert(std::size(reduce_kinds) == static_cast<size_t>(ReduceKind::log_sum_exp) + 1);

void normalise_reduce(OpParams& params, Operands operands) {
  auto& axes = std::get<ReduceParams>(params).axes;
  const int rank = rank_of(operands, 0);
  if (axes.empty()) {
    axes.resize(static_cast<size_t>(rank));
    std::iota(axes.begin(), axes.end(), 0);
  }
  for (int64_t& axis : axes) {
    if (axis < 0 && axis >= -rank) axis += rank;
  }
  std::sort(axes.begin(), axes.end());
}

/// The shape with the axes reduced, which ascend.
Shape reduced(const Shape& shape, std::span<const int64_t> axes, bool keep_dims) {
  std::vector<int64_t> dims;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool gone = std::binary_search(axes.begin(), axes.end(), axis);
    if (!gone) dims.push_back(shape[axis]);
    if (gone && keep_dims) dims.push_back(1);
  }
  return Shape(dims);
}

std::vector<TensorDesc> infer_reduce(const OpParams& params, Operands operands) {
  const auto& p = as<ReduceParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  if (p.kind != ReduceKind::max && p.kind != ReduceKind::min) want_number(x, "input");
  for (size_t index = 0; index < p.axes.size(); ++index) {
    want_axis(p.axes[index], x.shape.rank());
    if (index > 0 && p.axes[index] == p.axes[index - 1])
      refuse(fmt::format("axes={}: an axis is given twice", fmt::join(p.axes, "x")));
  }
  return {{x.type, reduced(x.shape, p.axes, p.keep_dims)}};
}

/// An operation for each element that is read.
double flops_reduce(const OpParams&, Operands operands, std::span<const TensorDesc>) {
  return static_cast<double>(operand(operands, 0, "input").shape.elements());
}

std::vector<TensorDesc> infer_arg_reduce(const OpParams& params, Operands operands) {
  const auto& p = as<ArgReduceParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  want_number(x, "input");
  want_axis(p.axis, x.shape.rank());
  const Shape shape = reduced(x.shape, std::span(&p.axis, 1), p.keep_dims);
  if (x.shape[static_cast<int>(p.axis)] == 0 && shape.elements() > 0)
    refuse(fmt::format("axis {} of input {} is empty: it has no extreme", p.axis, x.to_string()));
  return {{DataType::i64, shape}};
}

std::vector<TensorDesc> infer_top_k(const OpParams& params, Operands operands) {
  const auto& p = as<TopKParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  want_number(x, "input");
  want_axis(p.axis, x.shape.rank());
  const auto axis = static_cast<int>(p.axis);
  if (p.k < 0 || p.k > x.shape[axis])
    refuse(fmt::format("k={}: 0 to {} wanted, as axis {} of input {} has", p.k, x.shape[axis], p.axis,
                       x.to_string()));
  const Shape shape = x.shape.with(axis, p.k);
  return {{x.type, shape}, {DataType::i64, shape}};
}

std::vector<TensorDesc> infer_cum_sum(const OpParams& params, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  want_number(x, "input");
  want_axis(as<CumSumParams>(params).axis, x.shape.rank());
  return {{x.type, x.shape}};
}

}  // namespace

std::string_view to_string(ReduceKind kind) {
  return reduce_kinds[static_cast<size_t>(kind)];
}

ReduceKind parse_reduce_kind(std::string_view text) {
  const auto* found = std::find(std::begin(reduce_kinds), std::end(reduce_kinds), text);
  if (found != std::end(reduce_kinds)) return static_cast<ReduceKind>(found - std::begin(reduce_kinds));
  throw ParseError(fmt::format("'{}' is no reduction; wanted {}", text.substr(0, 40),
                               fmt::join(std::begin(reduce_kinds), std::end(reduce_kinds), ", ")));
}

void rules::add_reduce_ops(std::vector<OpInfo>& table) {
  table.push_back(
      {OpKind::reduce, "reduce", ReduceParams{}, 1, 1, normalise_reduce, infer_reduce, flops_reduce});
  table.push_back({OpKind::arg_reduce, "arg_reduce", ArgReduceParams{}, 1, 1, normalise_axis<ArgReduceParams>,
                   infer_arg_reduce, flops_reduce});
  table.push_back(
      {OpKind::top_k, "top_k", TopKParams{}, 1, 1, normalise_axis<TopKParams>, infer_top_k, flops_reduce});
  table.push_back({OpKind::cum_sum, "cum_sum", CumSumParams{}, 1, 1, normalise_axis<CumSumParams>,
                   infer_cum_sum, flops_reduce});
}

}  // namespace raceline
