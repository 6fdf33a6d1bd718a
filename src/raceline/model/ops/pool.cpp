// Pooling. Global pooling is a pool whose kernel is the image.
#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/import_functions.h"
#include "raceline/model/ops/window.h"

namespace raceline {
namespace {

/// Window and rounding. With auto_pad the output's extent follows from the image alone, so ceil_mode says
/// nothing.
PoolParams read_pool(const NodeImport& node, AutoPad auto_pad, const Shape& image) {
  const size_t axes = spatial_axes(node, image);
  PoolParams params;
  if (!node.has_attribute("kernel_shape")) node.fail("attribute 'kernel_shape' is missing");
  params.kernel = spatial_integers(node, "kernel_shape", axes, 1, 1);
  SpatialWindow window = read_window(node, auto_pad, image.dims().subspan(2), params.kernel);
  params.stride = std::move(window.stride);
  params.dilation = std::move(window.dilation);
  params.pads_begin = std::move(window.pads_begin);
  params.pads_end = std::move(window.pads_end);
  params.ceil_mode = auto_pad == AutoPad::not_set && node.attribute("ceil_mode", int64_t{0}) != 0;
  return params;
}

}  // namespace

void import_max_pool(NodeImport& node) {
  const AutoPad auto_pad = read_auto_pad(node);
  const ValueId x = node.operand(0);
  PoolParams params = read_pool(node, auto_pad, node.shape(x));
  if (!node.wants(1)) return node.result(OpKind::max_pool, std::move(params), {x});
  params.column_major = node.attribute("storage_order", int64_t{0}) != 0;
  node.results(OpKind::max_pool, std::move(params), {x});
}

void import_average_pool(NodeImport& node) {
  const AutoPad auto_pad = read_auto_pad(node);
  const ValueId x = node.operand(0);
  PoolParams params = read_pool(node, auto_pad, node.shape(x));
  params.count_include_pad = node.attribute("count_include_pad", int64_t{0}) != 0;
  node.result(OpKind::average_pool, std::move(params), {x});
}

void import_global_pool(NodeImport& node) {
  const ValueId x = node.operand(0);
  const Shape& image = node.shape(x);
  spatial_axes(node, image);
  PoolParams params;
  params.kernel.assign(image.dims().begin() + 2, image.dims().end());
  node.result(static_cast<OpKind>(node.kind()), std::move(params), {x});
}

}  // namespace raceline
