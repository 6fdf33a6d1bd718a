// Upsample and Resize by whole factors and the nearest neighbour: every element is repeated.
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

void want_nearest(const NodeImport& node) {
  const std::string mode = node.attribute("mode", "nearest");
  if (mode != "nearest") {
    node.refuse(fmt::format("'{}'; nearest by whole factors is supported", mode.substr(0, 40)), "mode");
  }
}

std::vector<float> floats(const NodeImport& node, size_t operand) {
  const TensorView view = node.value(operand);
  if (view.desc.type != DataType::f32)
    node.fail(fmt::format("operand {} is {}", operand, view.desc.to_string()));
  return {view.data<float>(), view.data<float>() + view.desc.shape.elements()};
}

/// Repeats every element of axis i scales[i] times.
void result_repeated(NodeImport& node, ValueId x, const std::vector<float>& scales) {
  const Shape shape = node.shape(x);
  if (scales.size() != static_cast<size_t>(shape.rank())) {
    node.fail(fmt::format("{} scales for input {}", scales.size(), shape.to_string()));
  }
  std::vector<int64_t> apart;
  std::vector<int64_t> expanded;
  std::vector<int64_t> together;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const float scale = scales[static_cast<size_t>(axis)];
    constexpr float largest_scale = 1 << 20;
    if (!(scale >= 1 && scale <= largest_scale && scale == std::floor(scale))) {
      node.refuse(fmt::format("scale {} of axis {}; nearest by whole factors is supported", scale, axis));
    }
    const auto factor = static_cast<int64_t>(scale);
    apart.push_back(shape[axis]);
    expanded.push_back(shape[axis]);
    together.push_back(shape[axis] * factor);
    if (factor == 1) continue;
    apart.push_back(1);
    expanded.push_back(factor);
  }
  if (apart.size() > static_cast<size_t>(Shape::max_rank)) {
    node.refuse(fmt::format("{} scaled axes of input {}", apart.size() - together.size(), shape.to_string()));
  }
  const ValueId split = node.reshape("split", x, apart);
  const ValueId repeated = node.add_main(OpKind::expand, ExpandParams{expanded}, {split});
  node.result(OpKind::reshape, ReshapeParams{together}, {repeated}, "out");
}

}  // namespace

void import_upsample(NodeImport& node) {
  want_nearest(node);
  auto scales = node.floats("scales");
  const ValueId x = node.operand(0);
  constexpr int64_t first_with_operand = 9;
  if (node.opset() >= first_with_operand) scales = floats(node, 1);
  if (!scales) node.fail("attribute 'scales' is missing");
  result_repeated(node, x, *scales);
}

void import_resize(NodeImport& node) {
  want_nearest(node);
  // With a whole factor s, output i lies at (i + 1/2) / s - 1/2 of the input, which is less than half an
  // element from floor(i / s) and never a tie, or at i / s, which must be rounded down.
  const std::string place = node.attribute("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = node.attribute("nearest_mode", "round_prefer_floor");
  constexpr int64_t first_with_places = 11;
  const bool centred =
      place == "half_pixel" || place == "pytorch_half_pixel" || place == "half_pixel_symmetric";
  const bool repeats = (centred && (rounding == "round_prefer_floor" || rounding == "round_prefer_ceil")) ||
                       (place == "asymmetric" && rounding == "floor");
  if (node.opset() >= first_with_places && !repeats) {
    node.refuse(fmt::format("nearest by '{}' and '{}' is not supported", place.substr(0, 40),
                            rounding.substr(0, 40)));
  }
  node.only("antialias", 0, "it is not supported");
  if (node.has_attribute("axes")) node.refuse("it is not supported", "axes");
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  const size_t scales_operand = node.opset() >= first_with_places ? 2 : 1;
  if (node.has(scales_operand) && node.shape(node.operand(scales_operand)).elements() > 0) {
    return result_repeated(node, x, floats(node, scales_operand));
  }
  if (const auto policy = node.attribute("keep_aspect_ratio_policy", "stretch"); policy != "stretch") {
    node.refuse(fmt::format("'{}' is not supported", policy.substr(0, 40)), "keep_aspect_ratio_policy");
  }
  const std::vector<int64_t> sizes = node.integers(size_t{3});
  if (sizes.size() != static_cast<size_t>(shape.rank())) {
    node.fail(fmt::format("{} sizes for input {}", sizes.size(), shape.to_string()));
  }
  std::vector<float> scales;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const int64_t size = sizes[static_cast<size_t>(axis)];
    if (shape[axis] == 0 || size % shape[axis] != 0) {
      node.refuse(fmt::format("axis {} from {} to {}; nearest by whole factors is supported", axis,
                              shape[axis], size));
    }
    const int64_t factor = size / shape[axis];
    scales.push_back(static_cast<float>(factor));
  }
  result_repeated(node, x, scales);
}

}  // namespace raceline
