// Shape rules of the ops that gather, scatter and choose elements. Source: ONNX Where, GatherElements,
// GatherND, ScatterElements, ScatterND, Compress, NonZero, NonMaxSuppression.
#include "raceline/graph/ops/indexing.h"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

constexpr std::string_view scatter_reductions[] = {"none", "add", "mul", "max", "min"};

void want_bool(const TensorDesc& desc, std::string_view what) {
  if (desc.type != DataType::boolean)
    refuse(fmt::format("{} is {}; type bool wanted", what, desc.to_string()));
}

std::vector<TensorDesc> infer_where(const OpParams&, Operands operands) {
  const TensorDesc& condition = operand(operands, 0, "condition");
  const TensorDesc& a = operand(operands, 1, "a");
  const TensorDesc& b = operand(operands, 2, "b");
  want_bool(condition, "condition");
  want_same_type(b, "b", a);
  return {{a.type, broadcast(condition.shape, broadcast(a.shape, b.shape))}};
}

/// The indices of gather_elements and scatter_elements lie inside the data along every axis but one.
void check_element_indices(const TensorDesc& data, const TensorDesc& indices, int64_t axis) {
  want_indices(indices, "indices");
  want_axis(axis, data.shape.rank());
  want_rank(indices, "indices", data.shape.rank(), data.shape.rank());
  for (int other = 0; other < data.shape.rank(); ++other) {
    const int64_t dim = data.shape[other];
    const bool fits = other == axis ? dim > 0 : indices.shape[other] <= dim;
    if (fits || indices.shape.elements() == 0) continue;
    refuse(fmt::format("indices {} leave axis {} of data {}", indices.to_string(), other, data.to_string()));
  }
}

std::vector<TensorDesc> infer_gather_elements(const OpParams& params, Operands operands) {
  const TensorDesc& data = operand(operands, 0, "data");
  const TensorDesc& indices = operand(operands, 1, "indices");
  check_element_indices(data, indices, as<GatherParams>(params).axis);
  return {{data.type, indices.shape}};
}

void check_updates(const TensorDesc& data, const TensorDesc& updates, ScatterReduction reduction) {
  want_same_type(updates, "updates", data);
  if (reduction != ScatterReduction::none) want_number(data, "data");
}

std::vector<TensorDesc> infer_scatter_elements(const OpParams& params, Operands operands) {
  const auto& p = as<ScatterParams>(params);
  const TensorDesc& data = operand(operands, 0, "data");
  const TensorDesc& indices = operand(operands, 1, "indices");
  const TensorDesc& updates = operand(operands, 2, "updates");
  check_element_indices(data, indices, p.axis);
  check_updates(data, updates, p.reduction);
  want_shape(updates, "updates", indices.shape);
  return {{data.type, data.shape}};
}

/// What gather_nd gives and scatter_nd takes: the indices' axes but the last, which holds as many places as
/// axes of the data it stands for, then the data's other axes.
Shape places(const TensorDesc& data, const TensorDesc& indices, int64_t batch_dims) {
  want_indices(indices, "indices");
  want_rank(data, "data", 1, Shape::max_rank);
  want_rank(indices, "indices", 1, Shape::max_rank);
  if (batch_dims < 0 || batch_dims >= std::min(data.shape.rank(), indices.shape.rank())) {
    refuse(fmt::format("batch_dims={} of data {} and indices {}", batch_dims, data.to_string(),
                       indices.to_string()));
  }
  const auto data_dims = data.shape.dims();
  const auto index_dims = indices.shape.dims();
  const int64_t depth = index_dims.back();
  const bool same_batch = std::equal(data_dims.begin(), data_dims.begin() + batch_dims, index_dims.begin());
  if (!same_batch || depth < 1 || depth > data.shape.rank() - batch_dims) {
    refuse(fmt::format("indices {} do not fit data {} with batch_dims={}", indices.to_string(),
                       data.to_string(), batch_dims));
  }
  std::vector<int64_t> dims(index_dims.begin(), index_dims.end() - 1);
  dims.insert(dims.end(), data_dims.begin() + batch_dims + depth, data_dims.end());
  const Shape shape(dims);
  const auto indexed = data_dims.subspan(static_cast<size_t>(batch_dims), static_cast<size_t>(depth));
  if (shape.elements() > 0 && std::find(indexed.begin(), indexed.end(), 0) != indexed.end())
    refuse(fmt::format("data {} is empty: no index is valid", data.to_string()));
  return shape;
}

std::vector<TensorDesc> infer_gather_nd(const OpParams& params, Operands operands) {
  const TensorDesc& data = operand(operands, 0, "data");
  const TensorDesc& indices = operand(operands, 1, "indices");
  return {{data.type, places(data, indices, as<GatherNdParams>(params).batch_dims)}};
}

void normalise_scatter_nd(OpParams& params, Operands) {
  std::get<ScatterParams>(params).axis = 0;
}

std::vector<TensorDesc> infer_scatter_nd(const OpParams& params, Operands operands) {
  const TensorDesc& data = operand(operands, 0, "data");
  const TensorDesc& indices = operand(operands, 1, "indices");
  const TensorDesc& updates = operand(operands, 2, "updates");
  check_updates(data, updates, as<ScatterParams>(params).reduction);
  want_shape(updates, "updates", places(data, indices, 0));
  return {{data.type, data.shape}};
}

TensorDesc extents_of(const Shape& shape) {
  return {DataType::i64, Shape{shape.rank()}};
}

std::vector<TensorDesc> infer_compress(const OpParams& params, Operands operands) {
  const TensorDesc& data = operand(operands, 0, "data");
  const TensorDesc& condition = operand(operands, 1, "condition");
  want_bool(condition, "condition");
  want_rank(condition, "condition", 1, 1);
  want_axis(as<CompressParams>(params).axis, data.shape.rank());
  const auto axis = static_cast<int>(as<CompressParams>(params).axis);
  if (condition.shape[0] > data.shape[axis]) {
    refuse(fmt::format("condition is {}; at most the {} elements of axis {} of data {} wanted",
                       condition.to_string(), data.shape[axis], axis, data.to_string()));
  }
  const Shape shape = data.shape.with(axis, condition.shape[0]);
  return {{data.type, shape}, extents_of(shape)};
}

std::vector<TensorDesc> infer_non_zero(const OpParams&, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  want_rank(x, "input", 1, Shape::max_rank);
  const Shape shape{x.shape.rank(), x.shape.elements()};
  return {{DataType::i64, shape}, extents_of(shape)};
}

void normalise_suppression(OpParams& params, Operands operands) {
  auto& most = std::get<NonMaxSuppressionParams>(params).most;
  if (rank_of(operands, 0) > 1) most = std::min(most, operands[0]->shape[1]);
}

std::vector<TensorDesc> infer_suppression(const OpParams& params, Operands operands) {
  const auto& p = as<NonMaxSuppressionParams>(params);
  const TensorDesc& boxes = operand(operands, 0, "boxes");
  const TensorDesc& scores = operand(operands, 1, "scores");
  want_float(boxes, "boxes");
  want_same_type(scores, "scores", boxes);
  want_rank(boxes, "boxes", 3, 3);
  want_rank(scores, "scores", 3, 3);
  if (boxes.shape[2] != 4 || scores.shape[0] != boxes.shape[0] || scores.shape[2] != boxes.shape[1]) {
    refuse(fmt::format("boxes are {} and scores {}; images x boxes x 4 and images x classes x boxes wanted",
                       boxes.to_string(), scores.to_string()));
  }
  if (p.most < 0) refuse(fmt::format("most={}: a number that is not negative wanted", p.most));
  want_not_nan(p.iou_threshold, "iou_threshold");
  want_not_nan(p.score_threshold, "score_threshold");
  const int64_t rows =
      product(scores.shape.elements(0, 2), std::min(p.most, boxes.shape[1]), "boxes that may be chosen");
  const Shape shape{rows, 3};
  return {{DataType::i64, shape}, extents_of(shape)};
}

}  // namespace

std::string_view to_string(ScatterReduction reduction) {
  return scatter_reductions[static_cast<size_t>(reduction)];
}

ScatterReduction parse_scatter_reduction(std::string_view text) {
  const auto* found = std::find(std::begin(scatter_reductions), std::end(scatter_reductions), text);
  if (found != std::end(scatter_reductions))
    return static_cast<ScatterReduction>(found - std::begin(scatter_reductions));
  throw ParseError(fmt::format("'{}' is no reduction of a scatter; wanted {}", text.substr(0, 40),
                               fmt::join(scatter_reductions, ", ")));
}

void rules::add_indexing_ops(std::vector<OpInfo>& table) {
  const auto add = [&](OpKind op, std::string_view name, OpParams defaults, int operands, auto normalise,
                       auto infer) {
    table.push_back({op, name, std::move(defaults), operands, operands, normalise, infer, no_flops});
    const bool sized = op == OpKind::compress || op == OpKind::non_zero || op == OpKind::non_max_suppression;
    table.back().sized = sized;
  };
  add(OpKind::where, "where", NoParams{}, 3, keep_params, infer_where);
  add(OpKind::gather_elements, "gather_elements", GatherParams{}, 2, normalise_axis<GatherParams>,
      infer_gather_elements);
  add(OpKind::gather_nd, "gather_nd", GatherNdParams{}, 2, keep_params, infer_gather_nd);
  add(OpKind::scatter_elements, "scatter_elements", ScatterParams{}, 3, normalise_axis<ScatterParams>,
      infer_scatter_elements);
  add(OpKind::scatter_nd, "scatter_nd", ScatterParams{}, 3, normalise_scatter_nd, infer_scatter_nd);
  add(OpKind::compress, "compress", CompressParams{}, 2, normalise_axis<CompressParams>, infer_compress);
  add(OpKind::non_zero, "non_zero", NoParams{}, 1, keep_params, infer_non_zero);
  add(OpKind::non_max_suppression, "non_max_suppression", NonMaxSuppressionParams{}, 2, normalise_suppression,
      infer_suppression);
}

}  // namespace raceline
