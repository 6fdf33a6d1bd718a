// Pooling. Global pooling is a pool whose kernel is the image.
#include <algorithm>
#include <cmath>
#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/import_functions.h"
#include "raceline/model/ops/reduce.h"
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

/// The exponent of an Lp pool; in opset 1 it is a float.
double read_p(const NodeImport& node) {
  const double p = node.opset() < 2 ? static_cast<double>(node.attribute("p", 2.0f))
                                    : static_cast<double>(node.attribute("p", int64_t{2}));
  if (!(p > 0) || std::isinf(p)) node.fail(fmt::format("attribute 'p' is {}; a positive number wanted", p));
  return p;
}

/// |x|^p.
ValueId powers(NodeImport& node, ValueId x, double p) {
  if (p == 2) return node.binary("powers", BinaryKind::mul, x, x);
  const ValueId size = node.unary("sizes", UnaryKind::abs, x);
  if (p == 1) return size;
  return node.binary("powers", BinaryKind::pow, size, node.scalar_constant("p", node.desc(x).type, p));
}

/// The node's result: sum^(1/p).
void result_root(NodeImport& node, ValueId sum, double p) {
  if (p == 1) return node.result(OpKind::identity, NoParams{}, {sum}, "out");
  if (p == 2) return node.result(OpKind::unary, UnaryParams{UnaryKind::sqrt}, {sum}, "out");
  const ValueId root = node.scalar_constant("root", node.desc(sum).type, 1 / p);
  node.result(OpKind::binary, BinaryParams{BinaryKind::pow}, {sum, root}, "out");
}

/// Instead of rounding up, the end padding becomes so long that every window lies in the padded image, and
/// each average is over a whole window.
void unfold_ceil_mode(PoolParams& params, const Shape& image) {
  if (!params.ceil_mode) return;
  params.ceil_mode = false;
  for (size_t axis = 0; axis < params.kernel.size(); ++axis) {
    const int64_t stride = params.stride[axis];
    const int64_t window = params.dilation[axis] * (params.kernel[axis] - 1) + 1;
    const int64_t before = image[static_cast<int>(axis) + 2] + params.pads_begin[axis];
    const int64_t last =
        (std::max<int64_t>(0, before + params.pads_end[axis] - window) + stride - 1) / stride;
    // A window that would start in the end padding is dropped.
    const int64_t start = (last * stride >= before ? last - 1 : last) * stride;
    params.pads_end[axis] = std::max(params.pads_end[axis], start + window - before);
  }
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

/// (sum of |x|^p)^(1/p) over each window: the average, padding included, times the size of the window.
void import_lp_pool(NodeImport& node) {
  const AutoPad auto_pad = read_auto_pad(node);
  const double p = read_p(node);
  const ValueId x = node.operand(0);
  PoolParams params = read_pool(node, auto_pad, node.shape(x));
  params.count_include_pad = true;
  unfold_ceil_mode(params, node.shape(x));
  double size = 1;
  for (const int64_t extent : params.kernel) size *= static_cast<double>(extent);
  const ValueId terms = powers(node, x, p);
  const ValueId mean = node.add_main(OpKind::average_pool, std::move(params), {terms});
  const ValueId count = node.scalar_constant("size", node.desc(x).type, size);
  result_root(node, node.binary("sum", BinaryKind::mul, mean, count), p);
}

void import_global_lp_pool(NodeImport& node) {
  const double p = read_p(node);
  const ValueId x = node.operand(0);
  std::vector<int64_t> axes;
  for (size_t axis = 0; axis < spatial_axes(node, node.shape(x)); ++axis) {
    axes.push_back(static_cast<int64_t>(axis) + 2);
  }
  result_root(node, reduce(node, "sum", ReduceKind::sum, powers(node, x, p), axes), p);
}

}  // namespace raceline
