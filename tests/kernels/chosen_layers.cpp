// Random layers that reduce, gather, scatter or choose elements.
#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "tests/kernels/layer_draw.h"

namespace raceline {

template <class Params>
LayerDesc ChosenLayers::along_axis(Params params) {
  const Dims dims = chance(0.3) ? image() : several(static_cast<int>(range(1, 4)), 1, 12);
  const int64_t axis = range(0, static_cast<int64_t>(dims.size()) - 1);
  const OperandDesc x = chance(0.6) ? tensor(dims) : typed(dims);
  return make(params(axis, dims[static_cast<size_t>(axis)]), {x}, op_ == OpKind::top_k ? 2 : 1);
}

LayerDesc ChosenLayers::reduce() {
  const Dims dims = any_shape();
  ReduceParams p{.kind = static_cast<ReduceKind>(range(0, static_cast<int64_t>(ReduceKind::log_sum_exp))),
                 .keep_dims = chance(0.5)};
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    if (chance(0.4)) p.axes.push_back(static_cast<int64_t>(axis));
  }
  // Products of more values leave the range of the type, and then say nothing.
  constexpr int64_t most_factors = 8;
  int64_t factors = 1;
  for (size_t axis = 0; axis < dims.size(); ++axis) {
    const bool taken = std::find(p.axes.begin(), p.axes.end(), static_cast<int64_t>(axis)) != p.axes.end();
    if (taken || p.axes.empty()) factors *= dims[axis];
  }
  if (p.kind == ReduceKind::prod && factors > most_factors) p.kind = ReduceKind::min;
  return make(p, {chance(0.7) ? tensor(dims) : typed(dims)});
}

LayerDesc ChosenLayers::where() {
  const Dims dims = any_shape();
  const DataType type = any_type();
  const auto part = [&](DataType of) {
    Dims some = dims;
    for (int64_t& dim : some) dim = chance(0.3) ? 1 : dim;
    while (!some.empty() && some[0] == 1 && chance(0.6)) some.erase(some.begin());
    return tensor(some, false, of);
  };
  const OperandDesc condition = part(DataType::boolean), a = part(type), b = part(type);
  return make(NoParams{}, {condition, a, b});
}

LayerDesc ChosenLayers::elements() {
  const Dims dims = several(static_cast<int>(range(1, 4)), 1, 9);
  const int64_t axis = range(0, static_cast<int64_t>(dims.size()) - 1);
  Dims some = dims;
  for (int64_t& dim : some) dim = range(1, dim);
  some[static_cast<size_t>(axis)] = range(1, 12);
  const OperandDesc indices = tensor(some, chance(0.5), pick({DataType::i32, DataType::i64}));
  const OperandDesc data = typed(dims);
  if (op_ == OpKind::gather_elements) return make(GatherParams{axis}, {data, indices});
  return make(ScatterParams{scatter_reduction(), axis}, {data, indices, tensor(some, false, data.desc.type)});
}

LayerDesc ChosenLayers::places() {
  const Dims dims = several(static_cast<int>(range(1, 5)), 1, 7);
  const auto rank = static_cast<int64_t>(dims.size());
  const int64_t batch_dims = op_ == OpKind::gather_nd ? range(0, std::min<int64_t>(2, rank - 1)) : 0;
  const int64_t depth = range(1, rank - batch_dims);
  Dims rows(dims.begin(), dims.begin() + batch_dims);
  rows.push_back(range(1, 9));
  Dims updates = rows;
  updates.insert(updates.end(), dims.begin() + batch_dims + depth, dims.end());
  rows.push_back(depth);
  const OperandDesc indices = tensor(rows, chance(0.5), pick({DataType::i32, DataType::i64}));
  const OperandDesc data = typed(dims);
  if (op_ == OpKind::gather_nd) return make(GatherNdParams{batch_dims}, {data, indices});
  return make(ScatterParams{scatter_reduction()}, {data, indices, tensor(updates, false, data.desc.type)});
}

ScatterReduction ChosenLayers::scatter_reduction() {
  return static_cast<ScatterReduction>(range(0, 4));
}

LayerDesc ChosenLayers::compress() {
  const Dims dims = several(static_cast<int>(range(1, 4)), 1, 9);
  const int64_t axis = range(0, static_cast<int64_t>(dims.size()) - 1);
  const int64_t count = range(0, dims[static_cast<size_t>(axis)]);
  return make(CompressParams{axis}, {typed(dims), tensor({count}, false, DataType::boolean)}, 2);
}

LayerDesc ChosenLayers::suppression() {
  const int64_t images = range(1, 3), boxes = range(1, 60);
  return make(
      NonMaxSuppressionParams{range(0, 30), pick({0.1f, 0.3f, 0.5f}), pick({-0.5f, 0.0f, 0.5f}), chance(0.5)},
      {tensor({images, boxes, 4}), tensor({images, range(1, 4), boxes})}, 2);
}

LayerDesc ChosenLayers::draw_chosen() {
  switch (op_) {
    case OpKind::reduce:
      return reduce();
    case OpKind::arg_reduce:
      return along_axis([&](int64_t axis, int64_t) {
        return ArgReduceParams{axis, chance(0.5), chance(0.5), chance(0.5)};
      });
    case OpKind::top_k:
      return along_axis([&](int64_t axis, int64_t extent) {
        return TopKParams{range(0, extent), axis, chance(0.5)};
      });
    case OpKind::cum_sum:
      return along_axis([&](int64_t axis, int64_t) { return CumSumParams{axis, chance(0.5), chance(0.5)}; });
    case OpKind::where:
      return where();
    case OpKind::gather_elements:
    case OpKind::scatter_elements:
      return elements();
    case OpKind::gather_nd:
    case OpKind::scatter_nd:
      return places();
    case OpKind::compress:
      return compress();
    case OpKind::non_zero:
      return make(NoParams{}, {typed(several(static_cast<int>(range(1, 5)), 1, 6))}, 2);
    case OpKind::non_max_suppression:
      return suppression();
    default:
      throw Error(fmt::format("no layers of {} are drawn", to_string(op_)));
  }
}

}  // namespace raceline
