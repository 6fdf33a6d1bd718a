// Ops whose operands say where elements come from or go to.
#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

ScatterReduction read_reduction(const NodeImport& node) {
  const std::string text = node.attribute("reduction", "none");
  try {
    return parse_scatter_reduction(text);
  } catch (const ParseError&) {
    node.refuse(fmt::format("'{}' is not known", text.substr(0, 40)), "reduction");
  }
}

}  // namespace

void import_where(NodeImport& node) {
  node.result(OpKind::where, NoParams{}, {node.operand(0), node.operand(1), node.operand(2)});
}

void import_gather_elements(NodeImport& node) {
  const int64_t stated = node.attribute("axis", int64_t{0});
  const ValueId data = node.operand(0);
  const int64_t axis = node.axis(stated, node.shape(data).rank());
  node.result(OpKind::gather_elements, GatherParams{axis}, {data, node.operand(1)});
}

void import_reverse_sequence(NodeImport& node) {
  const int64_t batch = node.attribute("batch_axis", int64_t{1});
  const int64_t time = node.attribute("time_axis", int64_t{0});
  const ValueId x = node.operand(0);
  const ValueId given = node.operand(1);
  const Shape shape = node.shape(x);
  if (std::min(batch, time) != 0 || std::max(batch, time) != 1 || shape.rank() < 2) {
    node.fail(fmt::format("batch_axis is {}, time_axis {} of {} axes; 0 and 1 wanted, or 1 and 0", batch,
                          time, shape.rank()));
  }
  const int64_t steps = shape[static_cast<int>(time)];
  const int64_t sequences = shape[static_cast<int>(batch)];
  if (node.desc(given).type != DataType::i64 || node.shape(given) != Shape{sequences}) {
    node.fail(
        fmt::format("the lengths are {}; {} numbers of i64 wanted", node.desc(given).to_string(), sequences));
  }
  // Step t of a sequence of n comes from step n - 1 - t as long as there is one, the rest stay.
  node.spend(static_cast<size_t>(steps) * sizeof(int64_t));
  std::vector<int64_t> numbers(static_cast<size_t>(steps));
  std::iota(numbers.begin(), numbers.end(), 0);
  std::vector<int64_t> along_time{1, 1}, along_batch{1, 1};
  along_time[static_cast<size_t>(time)] = steps;
  along_batch[static_cast<size_t>(batch)] = sequences;
  const ValueId step =
      node.constant("step", Tensor::of<int64_t>(Shape(along_time), std::span<const int64_t>(numbers)));
  const ValueId length = node.reshape("length", given, along_batch);
  const ValueId last =
      node.binary("last", BinaryKind::sub, length, node.scalar_constant("one", DataType::i64, 1));
  const ValueId mirrored = node.binary("mirrored", BinaryKind::sub, last, step);
  const ValueId within = node.binary("within", BinaryKind::less, step, length);
  ValueId from = node.add("from", OpKind::where, NoParams{}, {within, mirrored, step});
  std::vector<int64_t> dims{shape.dims().begin(), shape.dims().end()};
  std::vector<int64_t> spread(dims.size(), 1);
  std::copy_n(dims.begin(), 2, spread.begin());
  from = node.reshape("from_all", from, spread);
  from = node.add("index", OpKind::expand, ExpandParams{std::move(dims)}, {from});
  node.result(OpKind::gather_elements, GatherParams{time}, {x, from});
}

void import_gather_nd(NodeImport& node) {
  const int64_t batch_dims = node.attribute("batch_dims", int64_t{0});
  node.result(OpKind::gather_nd, GatherNdParams{batch_dims}, {node.operand(0), node.operand(1)});
}

void import_scatter_elements(NodeImport& node) {
  const ScatterReduction reduction = read_reduction(node);
  const int64_t stated = node.attribute("axis", int64_t{0});
  const ValueId data = node.operand(0);
  const int64_t axis = node.axis(stated, node.shape(data).rank());
  node.result(OpKind::scatter_elements, ScatterParams{reduction, axis},
              {data, node.operand(1), node.operand(2)});
}

void import_scatter_nd(NodeImport& node) {
  const ScatterReduction reduction = read_reduction(node);
  node.result(OpKind::scatter_nd, ScatterParams{reduction},
              {node.operand(0), node.operand(1), node.operand(2)});
}

void import_top_k(NodeImport& node) {
  constexpr int64_t first_with_operand = 10;
  const int64_t stated = node.attribute("axis", int64_t{-1});
  TopKParams params{.k = node.attribute("k", int64_t{-1}),
                    .smallest = node.attribute("largest", int64_t{1}) == 0};
  const ValueId x = node.operand(0);
  params.axis = node.axis(stated, node.shape(x).rank());
  if (node.opset() >= first_with_operand) {
    const std::vector<int64_t> k = node.integers(size_t{1});
    if (k.size() != 1) node.fail(fmt::format("operand 1 has {} elements; one number wanted", k.size()));
    params.k = k[0];
  }
  node.results(OpKind::top_k, params, {x});
}

}  // namespace raceline
