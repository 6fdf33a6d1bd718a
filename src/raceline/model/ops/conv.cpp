// Conv and ConvTranspose.
#include "raceline/model/ops/conv.h"

#include <utility>

#include <fmt/format.h>

#include "raceline/model/ops/import_functions.h"
#include "raceline/model/ops/window.h"

namespace raceline {
namespace {

ValueId own_bias(const NodeImport& node) {
  return node.has(2) ? node.operand(2) : absent;
}

std::vector<ValueId> with_bias(ValueId x, ValueId weights, ValueId bias) {
  std::vector<ValueId> operands{x, weights};
  if (bias != absent) operands.push_back(bias);
  return operands;
}

std::span<const int64_t> spatial(const Shape& shape) {
  return shape.dims().subspan(2);
}

void check_weights(const NodeImport& node, const Shape& x, const Shape& weights) {
  if (weights.rank() == x.rank()) return;
  node.fail(fmt::format("weights {} do not fit input {}", weights.to_string(), x.to_string()));
}

std::vector<int64_t> lifted(const Shape& shape) {
  return {shape[0], shape[1], 1, shape[2]};
}

ConvParams read_conv(const NodeImport& node, AutoPad auto_pad, const Shape& x, const Shape& weights) {
  const int64_t group = node.attribute("group", int64_t{1});
  spatial_axes(node, x);
  check_weights(node, x, weights);
  const auto kernel = spatial(weights);
  check_kernel_shape(node, kernel);
  const SpatialWindow window = read_window(node, auto_pad, spatial(x), kernel);
  return {window.stride, window.dilation, window.pads_begin, window.pads_end, group};
}

OpKind conv_op(const Shape& x) {
  return x.rank() == 4 ? OpKind::conv2d : OpKind::conv3d;
}

/// A 1-D convolution is a 2-D one of height 1, which this adds.
ValueId add_lifted_conv(NodeImport& node, ConvParams params, ValueId x, ValueId weights, ValueId bias) {
  const ValueId image = node.reshape("x", x, lifted(node.shape(x)));
  const ValueId filter = node.reshape("w", weights, lifted(node.shape(weights)));
  params.stride.insert(params.stride.begin(), 1);
  params.dilation.insert(params.dilation.begin(), 1);
  params.pads_begin.insert(params.pads_begin.begin(), 0);
  params.pads_end.insert(params.pads_end.begin(), 0);
  return node.add_main(OpKind::conv2d, std::move(params), with_bias(image, filter, bias));
}

std::vector<int64_t> lowered(const Shape& shape) {
  return {shape[0], shape[1], shape[3]};
}

/// Pads of one axis from the extent that is wanted. Source: ONNX ConvTranspose, output_shape.
void pad_to_extent(ConvTransposeParams& params, size_t axis, int64_t in, int64_t kernel, int64_t wanted,
                   AutoPad auto_pad) {
  const int64_t full =
      params.stride[axis] * (in - 1) + params.output_padding[axis] + params.dilation[axis] * (kernel - 1) + 1;
  const int64_t surplus = full - wanted;
  if (surplus < 0) {  // more is wanted than the window reaches: the end is padded
    params.output_padding[axis] -= surplus;
    params.pads_begin[axis] = params.pads_end[axis] = 0;
    return;
  }
  const int64_t half = surplus / 2;
  params.pads_begin[axis] = auto_pad == AutoPad::same_upper ? half : surplus - half;
  params.pads_end[axis] = surplus - params.pads_begin[axis];
}

}  // namespace

ValueId add_conv(NodeImport& node, ValueId x, ValueId weights, ValueId bias) {
  ConvParams params = read_conv(node, read_auto_pad(node), node.shape(x), node.shape(weights));
  if (node.shape(x).rank() != 3) {
    return node.add_main(conv_op(node.shape(x)), std::move(params), with_bias(x, weights, bias));
  }
  const ValueId y = add_lifted_conv(node, std::move(params), x, weights, bias);
  return node.reshape("y", y, lowered(node.shape(y)));
}

void import_conv(NodeImport& node) {
  const AutoPad auto_pad = read_auto_pad(node);
  const ValueId x = node.operand(0);
  const ValueId weights = node.operand(1);
  ConvParams params = read_conv(node, auto_pad, node.shape(x), node.shape(weights));
  if (node.shape(x).rank() == 3) {
    const ValueId y = add_lifted_conv(node, std::move(params), x, weights, own_bias(node));
    return node.result(OpKind::reshape, ReshapeParams{lowered(node.shape(y))}, {y}, "y");
  }
  const OpKind op = conv_op(node.shape(x));
  node.result(op, std::move(params), with_bias(x, weights, own_bias(node)));
}

void import_conv_transpose(NodeImport& node) {
  const AutoPad auto_pad = read_auto_pad(node);
  const int64_t group = node.attribute("group", int64_t{1});
  const ValueId x = node.operand(0);
  const ValueId weights = node.operand(1);
  const Shape image = node.shape(x);
  const Shape filter = node.shape(weights);
  const size_t axes = spatial_axes(node, image);
  check_weights(node, image, filter);
  const auto kernel = spatial(filter);
  check_kernel_shape(node, kernel);
  const bool same = auto_pad == AutoPad::same_upper || auto_pad == AutoPad::same_lower;
  const SpatialWindow window = read_window(node, same ? AutoPad::valid : auto_pad, spatial(image), kernel);
  ConvTransposeParams params{window.stride,
                             window.dilation,
                             window.pads_begin,
                             window.pads_end,
                             spatial_integers(node, "output_padding", axes, 0, 0),
                             group};
  auto wanted = node.integers("output_shape");
  if (wanted && wanted->size() == axes + 2) wanted->erase(wanted->begin(), wanted->begin() + 2);
  if (wanted && wanted->size() != axes) {
    node.fail(fmt::format("attribute 'output_shape' has {} entries; {} wanted", wanted->size(), axes));
  }
  for (size_t axis = 0; axis < axes; ++axis) {
    constexpr int64_t largest_extent = int64_t{1} << 30;
    const int64_t in = spatial(image)[axis];
    const int64_t extent = wanted ? (*wanted)[axis] : in * params.stride[axis];
    if (in > largest_extent || extent < 1 || extent > largest_extent) {
      node.fail(fmt::format("spatial axis {}: {} elements of {} wanted", axis, extent, in));
    }
    if (wanted || same) pad_to_extent(params, axis, in, kernel[axis], extent, auto_pad);
  }
  node.result(OpKind::conv_transpose, std::move(params), with_bias(x, weights, own_bias(node)));
}

}  // namespace raceline
