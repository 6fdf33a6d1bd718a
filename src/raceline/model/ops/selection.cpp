// Ops that choose elements by their values, so that the size of what they give depends on data.
#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {

void import_compress(NodeImport& node) {
  const bool flat = !node.has_attribute("axis");
  const int64_t stated = node.attribute("axis", int64_t{0});
  ValueId data = node.operand(0);
  const ValueId condition = node.operand(1);
  const Shape shape = node.shape(data);
  if (flat) data = node.reshape("flat", data, {shape.elements()});
  const int64_t axis = flat ? 0 : node.axis(stated, shape.rank());
  node.result_sized(OpKind::compress, CompressParams{axis}, {data, condition});
}

void import_non_zero(NodeImport& node) {
  ValueId x = node.operand(0);
  if (node.shape(x).rank() == 0) x = node.reshape("vector", x, {1});
  node.result_sized(OpKind::non_zero, NoParams{}, {x});
}

void import_non_max_suppression(NodeImport& node) {
  const int64_t centred = node.attribute("center_point_box", int64_t{0});
  if (centred != 0 && centred != 1) node.refuse(fmt::format("{} is not known", centred), "center_point_box");
  const ValueId boxes = node.operand(0);
  const ValueId scores = node.operand(1);
  NonMaxSuppressionParams params{.most = 0};
  params.centred = centred == 1;
  if (node.has(2)) {
    const std::vector<int64_t> most = node.integers(size_t{2});
    if (most.size() != 1) node.fail(fmt::format("operand 2 has {} elements; one number wanted", most.size()));
    params.most = std::max<int64_t>(0, most[0]);
  }
  if (node.has(3)) params.iou_threshold = static_cast<float>(node.scalar(3));
  if (node.has(4)) params.score_threshold = static_cast<float>(node.scalar(4));
  node.result_sized(OpKind::non_max_suppression, params, {boxes, scores});
}

}  // namespace raceline
