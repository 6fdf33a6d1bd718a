// Upsample and Resize.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/model/node_import.h"
#include "raceline/model/ops/import_functions.h"

namespace raceline {
namespace {

constexpr int64_t first_with_places = 11;
/// No tensor has as many.
constexpr double most_elements = 1e13;

/// The attribute's value as `parse` reads it.
template <class Parse>
auto read_name(const NodeImport& node, std::string_view attribute, std::string_view otherwise, Parse parse) {
  const std::string text = node.attribute(attribute, otherwise);
  try {
    return parse(text);
  } catch (const ParseError& error) {
    node.refuse(error.what(), std::string(attribute));
  }
}

Interpolation read_mode(const NodeImport& node) {
  // What Upsample calls bilinear, too, is linear along each axis.
  const std::string mode = node.attribute("mode", "nearest");
  if (mode == "bilinear") return Interpolation::linear;
  return read_name(node, "mode", "nearest", parse_interpolation);
}

std::vector<float> floats(const NodeImport& node, size_t operand) {
  const TensorView view = node.value(operand);
  if (view.desc.type == DataType::f32) {
    return {view.data<float>(), view.data<float>() + view.desc.shape.elements()};
  }
  if (view.desc.type == DataType::f64) {
    const double* data = view.data<double>();
    std::vector<float> values(static_cast<size_t>(view.desc.shape.elements()));
    std::transform(data, data + values.size(), values.begin(),
                   [](double x) { return static_cast<float>(x); });
    return values;
  }
  node.fail(fmt::format("operand {} is {}; floats wanted", operand, view.desc.to_string()));
}

/// One scale for each of the axes; the others keep their extent.
void set_scales(const NodeImport& node, ResizeParams& params, const Shape& shape,
                std::span<const int64_t> axes, std::span<const float> scales) {
  if (scales.size() != axes.size()) {
    node.fail(
        fmt::format("{} scales for {} axes of input {}", scales.size(), axes.size(), shape.to_string()));
  }
  params.scales.assign(static_cast<size_t>(shape.rank()), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    constexpr float largest = 1 << 30;
    if (!(scales[i] > 0 && scales[i] <= largest)) {
      node.fail(fmt::format("scale {} of axis {}; above 0 and up to {} wanted", scales[i], axes[i], largest));
    }
    const auto at = static_cast<size_t>(axes[i]);
    // In float, as the shape inference of ONNX multiplies.
    const float size = std::floor(static_cast<float>(shape[static_cast<int>(axes[i])]) * scales[i]);
    if (static_cast<double>(size) > most_elements)
      node.fail(fmt::format("axis {} would have {} elements", axes[i], size));
    params.sizes[at] = static_cast<int64_t>(size);
    params.scales[at] = scales[i];
  }
}

/// One size for each of the axes. A policy other than stretch takes one scale for all of them.
void set_sizes(const NodeImport& node, ResizeParams& params, const Shape& shape,
               std::span<const int64_t> axes, std::span<const int64_t> sizes, std::string_view policy) {
  if (sizes.size() != axes.size()) {
    node.fail(fmt::format("{} sizes for {} axes of input {}", sizes.size(), axes.size(), shape.to_string()));
  }
  const auto dim = [&](size_t i) { return static_cast<double>(shape[static_cast<int>(axes[i])]); };
  for (size_t i = 0; i < axes.size(); ++i) params.sizes[static_cast<size_t>(axes[i])] = sizes[i];
  if (policy == "stretch" || axes.empty()) return;
  if (policy != "not_larger" && policy != "not_smaller") {
    node.refuse(fmt::format("'{}' is not known", policy.substr(0, 40)), "keep_aspect_ratio_policy");
  }
  double scale = 0;
  for (size_t i = 0; i < axes.size(); ++i) {
    if (dim(i) == 0 || sizes[i] < 1) {
      node.fail(fmt::format("axis {} from {} to {} elements has no aspect ratio", axes[i], dim(i), sizes[i]));
    }
    const double own = static_cast<double>(sizes[i]) / dim(i);
    scale = i == 0 ? own : policy == "not_larger" ? std::min(scale, own) : std::max(scale, own);
  }
  params.scales.assign(static_cast<size_t>(shape.rank()), 0);
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto at = static_cast<size_t>(axes[i]);
    const double size = std::floor(scale * dim(i) + 0.5);
    if (size > most_elements) node.fail(fmt::format("axis {} would have {} elements", axes[i], size));
    params.sizes[at] = static_cast<int64_t>(size);
    params.scales[at] = static_cast<float>(scale);
  }
}

/// Starts, then ends of the axes given; the others are taken whole.
void set_roi(const NodeImport& node, ResizeParams& params, int rank, std::span<const int64_t> axes,
             std::span<const float> roi) {
  if (roi.size() != 2 * axes.size()) {
    node.fail(fmt::format("a roi of {} numbers for {} axes", roi.size(), axes.size()));
  }
  params.roi.assign(static_cast<size_t>(rank), 0);
  params.roi.resize(2 * static_cast<size_t>(rank), 1);
  for (size_t i = 0; i < axes.size(); ++i) {
    params.roi[static_cast<size_t>(axes[i])] = roi[i];
    params.roi[static_cast<size_t>(rank + axes[i])] = roi[axes.size() + i];
  }
}

std::vector<int64_t> dims_of(const Shape& shape) {
  return {shape.dims().begin(), shape.dims().end()};
}

std::vector<int64_t> all_axes(const Shape& shape) {
  std::vector<int64_t> axes(static_cast<size_t>(shape.rank()));
  std::iota(axes.begin(), axes.end(), 0);
  return axes;
}

/// Upsample, and Resize of opset 10: places were not yet an attribute, and shrinking took the next element.
void import_by_scales(NodeImport& node, const std::vector<float>& scales) {
  ResizeParams params;
  params.mode = read_mode(node);
  params.place = ResizePlace::asymmetric;
  params.rounding = NearestRounding::simple;
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  params.sizes = dims_of(shape);
  set_scales(node, params, shape, all_axes(shape), scales);
  node.result(OpKind::resize, std::move(params), {x});
}

bool is_given(const NodeImport& node, size_t operand) {
  return node.has(operand) && node.shape(node.operand(operand)).elements() > 0;
}

}  // namespace

void import_upsample(NodeImport& node) {
  constexpr int64_t first_with_operand = 9;
  if (node.opset() >= first_with_operand) return import_by_scales(node, floats(node, 1));
  const auto scales = node.floats("scales");
  if (!scales) node.fail("attribute 'scales' is missing");
  import_by_scales(node, *scales);
}

void import_resize(NodeImport& node) {
  if (node.opset() < first_with_places) return import_by_scales(node, floats(node, 1));
  ResizeParams params;
  params.mode = read_mode(node);
  params.place = read_name(node, "coordinate_transformation_mode", "half_pixel", parse_resize_place);
  params.rounding = read_name(node, "nearest_mode", "round_prefer_floor", parse_nearest_rounding);
  params.cubic_a = node.attribute("cubic_coeff_a", params.cubic_a);
  params.exclude_outside = node.attribute("exclude_outside", int64_t{0}) != 0;
  params.extrapolation = node.attribute("extrapolation_value", 0.0f);
  params.antialias = node.attribute("antialias", int64_t{0}) != 0;
  const std::string policy = node.attribute("keep_aspect_ratio_policy", "stretch");
  const auto stated_axes = node.integers("axes");
  const ValueId x = node.operand(0);
  const Shape shape = node.shape(x);
  const std::vector<int64_t> axes = stated_axes ? node.axes(*stated_axes, shape.rank()) : all_axes(shape);
  params.sizes = dims_of(shape);
  if (is_given(node, 2)) {
    set_scales(node, params, shape, axes, floats(node, 2));
  } else if (node.has(3)) {
    set_sizes(node, params, shape, axes, node.integers(size_t{3}), policy);
  } else {
    node.fail("neither scales nor sizes are given");
  }
  if (params.place == ResizePlace::tf_crop_and_resize) {
    set_roi(node, params, shape.rank(), axes, floats(node, 1));
  }
  node.result(OpKind::resize, std::move(params), {x});
}

}  // namespace raceline
