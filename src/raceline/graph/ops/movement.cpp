// Shape rules of the ops that move elements and compute nothing. Source: the ONNX ops of the same names.
#include "raceline/graph/ops/movement.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

constexpr std::string_view pad_modes[] = {"constant", "reflect", "edge", "wrap"};
/// No tensor has more elements than this, so no position needs to lie further out.
constexpr int64_t far_away = int64_t{1} << 40;

std::vector<TensorDesc> infer_concat(const OpParams& params, Operands operands) {
  const int64_t axis = as<ConcatParams>(params).axis;
  const TensorDesc& first = operand(operands, 0, "input");
  want_axis(axis, first.shape.rank());
  int64_t along = 0;
  for (size_t index = 0; index < operands.size(); ++index) {
    const TensorDesc& x = operand(operands, index, "input");
    want_same_type(x, "input", first);
    want_rank(x, "input", first.shape.rank(), first.shape.rank());
    for (int other = 0; other < x.shape.rank(); ++other) {
      if (other == axis || x.shape[other] == first.shape[other]) continue;
      refuse(fmt::format("inputs {} and {} differ along axis {}, not only along axis {}", first.to_string(),
                         x.to_string(), other, axis));
    }
    // At most 2^31 operands of at most 2^40 elements would not fit; nothing near either limit is built.
    if (__builtin_add_overflow(along, x.shape[static_cast<int>(axis)], &along))
      refuse("the result is too large");
  }
  return {{first.type, first.shape.with(static_cast<int>(axis), along)}};
}

std::vector<TensorDesc> infer_reshape(const OpParams& params, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  const Shape shape(as<ReshapeParams>(params).dims);
  if (shape.elements() != x.shape.elements()) {
    refuse(fmt::format("input {} has {} elements; {} has {}", x.to_string(), x.shape.elements(),
                       shape.to_string(), shape.elements()));
  }
  return {{x.type, shape}};
}

void normalise_transpose(OpParams& params, Operands operands) {
  auto& perm = std::get<TransposeParams>(params).perm;
  if (!perm.empty()) return;
  perm.resize(static_cast<size_t>(rank_of(operands, 0)));
  std::iota(perm.rbegin(), perm.rend(), 0);
}

std::vector<TensorDesc> infer_transpose(const OpParams& params, Operands operands) {
  const auto& perm = as<TransposeParams>(params).perm;
  const TensorDesc& x = operand(operands, 0, "input");
  const int rank = x.shape.rank();
  std::vector<int64_t> dims;
  std::vector<bool> used(static_cast<size_t>(rank));
  for (const int64_t axis : perm) {
    if (axis < 0 || axis >= rank || used[static_cast<size_t>(axis)]) break;
    used[static_cast<size_t>(axis)] = true;
    dims.push_back(x.shape[static_cast<int>(axis)]);
  }
  if (dims.size() != perm.size() || perm.size() != static_cast<size_t>(rank)) {
    refuse(fmt::format("perm={} is no order of the axes of {}", fmt::join(perm, "x"), x.to_string()));
  }
  return {{x.type, Shape(dims)}};
}

void normalise_slice(OpParams& params, Operands operands) {
  auto& p = std::get<SliceParams>(params);
  const int rank = rank_of(operands, 0);
  fill(p.start, rank, 0);
  fill(p.step, rank, 1);
  if (p.size.empty() && rank > 0)
    p.size.assign(operands[0]->shape.dims().begin(), operands[0]->shape.dims().end());
}

std::vector<TensorDesc> infer_slice(const OpParams& params, Operands operands) {
  const auto& p = as<SliceParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  const int rank = x.shape.rank();
  want_values(p.start, "start", rank, -1, far_away);
  want_values(p.size, "size", rank, 0, far_away);
  want_values(p.step, "step", rank, -far_away, far_away);
  for (int axis = 0; axis < rank; ++axis) {
    const auto at = static_cast<size_t>(axis);
    const int64_t dim = x.shape[axis];
    if (p.step[at] == 0) refuse(fmt::format("step={}: a step of 0", fmt::join(p.step, "x")));
    if (p.size[at] == 0) continue;
    int64_t last = 0;
    if (__builtin_mul_overflow(p.size[at] - 1, p.step[at], &last) ||
        __builtin_add_overflow(last, p.start[at], &last) || last < 0 || last >= dim || p.start[at] < 0 ||
        p.start[at] >= dim) {
      refuse(fmt::format("{} elements from {} by {} leave axis {} of input {}", p.size[at], p.start[at],
                         p.step[at], axis, x.to_string()));
    }
  }
  return {{x.type, Shape(p.size)}};
}

std::vector<TensorDesc> infer_gather(const OpParams& params, Operands operands) {
  const int64_t axis = as<GatherParams>(params).axis;
  const TensorDesc& data = operand(operands, 0, "data");
  const TensorDesc& indices = operand(operands, 1, "indices");
  want_axis(axis, data.shape.rank());
  want_indices(indices, "indices");
  if (data.shape[static_cast<int>(axis)] == 0 && indices.shape.elements() > 0) {
    refuse(fmt::format("axis {} of data {} is empty: no index is valid", axis, data.to_string()));
  }
  std::vector<int64_t> dims(indices.shape.dims().begin(), indices.shape.dims().end());
  const auto of_data = data.shape.dims();
  dims.insert(dims.begin(), of_data.begin(), of_data.begin() + axis);
  dims.insert(dims.end(), of_data.begin() + axis + 1, of_data.end());
  return {{data.type, Shape(dims)}};
}

void normalise_pad(OpParams& params, Operands operands) {
  auto& p = std::get<PadParams>(params);
  fill(p.begin, rank_of(operands, 0), 0);
  fill(p.end, rank_of(operands, 0), 0);
  if (p.mode != PadMode::constant) p.value = 0;
}

std::vector<TensorDesc> infer_pad(const OpParams& params, Operands operands) {
  const auto& p = as<PadParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  const int rank = x.shape.rank();
  want_values(p.begin, "begin", rank, -far_away, far_away);
  want_values(p.end, "end", rank, -far_away, far_away);
  want_not_nan(p.value, "value");
  std::vector<int64_t> dims;
  for (int axis = 0; axis < rank; ++axis) {
    const int64_t begin = p.begin[static_cast<size_t>(axis)];
    const int64_t end = p.end[static_cast<size_t>(axis)];
    const int64_t dim = x.shape[axis];
    const int64_t kept = dim + std::min<int64_t>(begin, 0) + std::min<int64_t>(end, 0);
    if (kept < 0)
      refuse(fmt::format("begin {} and end {} remove more than axis {} of input {} has", begin, end, axis,
                         x.to_string()));
    const int64_t most = std::max(begin, end);
    if (p.mode == PadMode::reflect && most >= std::max<int64_t>(kept, 1)) {
      refuse(fmt::format("{} elements cannot be reflected from {} along axis {}", most, kept, axis));
    }
    if (p.mode != PadMode::constant && most > 0 && kept == 0) {
      refuse(fmt::format("axis {} has no element to pad from in mode {}", axis, to_string(p.mode)));
    }
    dims.push_back(dim + begin + end);
  }
  return {{x.type, Shape(dims)}};
}

std::vector<TensorDesc> infer_cast(const OpParams& params, Operands operands) {
  return {{as<CastParams>(params).to, operand(operands, 0, "input").shape}};
}

std::vector<TensorDesc> infer_expand(const OpParams& params, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  const Shape shape(as<ExpandParams>(params).dims);
  if (!broadcasts_to(x.shape, shape))
    refuse(fmt::format("input {} does not broadcast to {}", x.to_string(), shape.to_string()));
  return {{x.type, shape}};
}

std::vector<TensorDesc> infer_shape_of(const OpParams& params, Operands operands) {
  const auto& p = as<ShapeOfParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  if (p.start < 0 || p.end < p.start || p.end > x.shape.rank()) {
    refuse(fmt::format("dimensions {} to {} (the end is not included) of input {}", p.start, p.end,
                       x.to_string()));
  }
  return {{DataType::i64, Shape{p.end - p.start}}};
}

std::vector<TensorDesc> infer_identity(const OpParams&, Operands operands) {
  const TensorDesc& x = operand(operands, 0, "input");
  return {{x.type, x.shape}};
}

std::vector<TensorDesc> infer_reorder(const OpParams& params, Operands operands) {
  const auto& p = as<ReorderParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  if (x.type != p.from.type)
    refuse(fmt::format("input {} does not come from {}", x.to_string(), p.from.to_string()));
  for (const Interface& side : {p.from, p.to}) {
    if (!exists_for(side.layout, x.shape)) {
      refuse(fmt::format("layout {} does not exist for {}", to_string(side.layout), x.to_string()));
    }
  }
  return {{p.to.type, x.shape}};
}

}  // namespace

std::string_view to_string(PadMode mode) {
  return pad_modes[static_cast<size_t>(mode)];
}

PadMode parse_pad_mode(std::string_view text) {
  const auto* found = std::find(std::begin(pad_modes), std::end(pad_modes), text);
  if (found != std::end(pad_modes)) return static_cast<PadMode>(found - std::begin(pad_modes));
  throw ParseError(
      fmt::format("'{}' is no mode of padding; wanted constant, reflect, edge or wrap", text.substr(0, 40)));
}

void rules::add_movement_ops(std::vector<OpInfo>& table) {
  const auto add = [&](OpKind op, std::string_view name, OpParams defaults, int operands, auto normalise,
                       auto infer) {
    table.push_back({op, name, std::move(defaults), operands, operands, normalise, infer, no_flops});
  };
  add(OpKind::concat, "concat", ConcatParams{}, 1, normalise_axis<ConcatParams>, infer_concat);
  table.back().max_operands = std::numeric_limits<int>::max();
  add(OpKind::reshape, "reshape", ReshapeParams{}, 1, keep_params, infer_reshape);
  add(OpKind::transpose, "transpose", TransposeParams{}, 1, normalise_transpose, infer_transpose);
  add(OpKind::slice, "slice", SliceParams{}, 1, normalise_slice, infer_slice);
  add(OpKind::gather, "gather", GatherParams{}, 2, normalise_axis<GatherParams>, infer_gather);
  add(OpKind::pad, "pad", PadParams{}, 1, normalise_pad, infer_pad);
  add(OpKind::cast, "cast", CastParams{}, 1, keep_params, infer_cast);
  add(OpKind::expand, "expand", ExpandParams{}, 1, keep_params, infer_expand);
  add(OpKind::shape_of, "shape_of", ShapeOfParams{}, 1, keep_params, infer_shape_of);
  add(OpKind::identity, "identity", NoParams{}, 1, keep_params, infer_identity);
  add(OpKind::reorder, "reorder", ReorderParams{}, 1, keep_params, infer_reorder);
}

}  // namespace raceline
