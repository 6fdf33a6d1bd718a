#include "raceline/model/ops/window.h"

#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace raceline {
namespace {

/// So that products of two stay far from the limits of int64_t.
constexpr int64_t largest_extent = int64_t{1} << 30;

void check_range(const NodeImport& node, std::string_view name, int64_t value, int64_t least) {
  if (value < least || value > largest_extent) {
    node.fail(fmt::format("attribute '{}': {}; {} to {} wanted", name, value, least, largest_extent));
  }
}

}  // namespace

AutoPad read_auto_pad(const NodeImport& node) {
  const std::string text = node.attribute("auto_pad", "NOTSET");
  if (text == "NOTSET" || text.empty()) return AutoPad::not_set;
  if (text == "SAME_UPPER") return AutoPad::same_upper;
  if (text == "SAME_LOWER") return AutoPad::same_lower;
  if (text == "VALID") return AutoPad::valid;
  node.refuse(fmt::format("'{}' is not known", text.substr(0, 40)), "auto_pad");
}

std::vector<int64_t> spatial_integers(const NodeImport& node, std::string_view name, size_t count,
                                      int64_t otherwise, int64_t least) {
  auto values = node.integers(name).value_or(std::vector<int64_t>(count, otherwise));
  if (values.size() != count) {
    node.fail(fmt::format("attribute '{}' has {} entries; {} wanted", name, values.size(), count));
  }
  for (const int64_t value : values) check_range(node, name, value, least);
  return values;
}

size_t spatial_axes(const NodeImport& node, const Shape& image) {
  if (image.rank() < 3)
    node.fail(fmt::format("its input is {}; N, C and spatial axes wanted", image.to_string()));
  if (image.rank() > 5) {
    node.refuse(fmt::format("{} spatial axes; up to 3 are supported", image.rank() - 2));
  }
  return static_cast<size_t>(image.rank() - 2);
}

void check_kernel_shape(const NodeImport& node, std::span<const int64_t> kernel) {
  for (const int64_t extent : kernel) check_range(node, "kernel_shape", extent, 1);
  const auto stated = node.integers("kernel_shape");
  if (stated && !std::equal(stated->begin(), stated->end(), kernel.begin(), kernel.end())) {
    node.fail(fmt::format("attribute 'kernel_shape' is {}, the weights' kernel {}", fmt::join(*stated, "x"),
                          fmt::join(kernel, "x")));
  }
}

SpatialWindow read_window(const NodeImport& node, AutoPad auto_pad, std::span<const int64_t> image,
                          std::span<const int64_t> kernel) {
  const size_t axes = kernel.size();
  SpatialWindow window;
  window.stride = spatial_integers(node, "strides", axes, 1, 1);
  window.dilation = spatial_integers(node, "dilations", axes, 1, 1);
  window.pads_begin.assign(axes, 0);
  window.pads_end.assign(axes, 0);
  if (auto_pad == AutoPad::valid) return window;
  if (auto_pad == AutoPad::not_set) {
    const auto pads = spatial_integers(node, "pads", 2 * axes, 0, 0);
    const auto middle = pads.begin() + static_cast<std::ptrdiff_t>(axes);
    window.pads_begin.assign(pads.begin(), middle);
    window.pads_end.assign(middle, pads.end());
    return window;
  }
  for (size_t axis = 0; axis < axes; ++axis) {
    const int64_t stride = window.stride[axis];
    const int64_t outputs = (image[axis] + stride - 1) / stride;
    const int64_t covered = (outputs - 1) * stride + window.dilation[axis] * (kernel[axis] - 1) + 1;
    const int64_t lacking = std::max<int64_t>(0, covered - image[axis]);
    const bool upper = auto_pad == AutoPad::same_upper;
    window.pads_begin[axis] = upper ? lacking / 2 : lacking - lacking / 2;
    window.pads_end[axis] = lacking - window.pads_begin[axis];
  }
  return window;
}

}  // namespace raceline
