// Ops whose operands say where elements come from or go to.
#include <utility>

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
