// Shape rules of conv2d, conv3d, conv_transpose and conv2d_max_pool. Source: ONNX Conv, ConvTranspose,
// MaxPool.
#include "raceline/graph/ops/conv.h"

#include <fmt/format.h>

#include "raceline/graph/ops/rules.h"

namespace raceline {
namespace {

using namespace rules;

template <class Params>
void fill_window(Params& p, int spatial) {
  fill(p.stride, spatial, 1);
  fill(p.dilation, spatial, 1);
  fill(p.pads_begin, spatial, 0);
  fill(p.pads_end, spatial, 0);
}

template <class Params>
void check_window(const Params& p, const Shape& weights, int spatial) {
  want_values(p.stride, "stride", spatial, 1, largest_extent);
  want_values(p.dilation, "dilation", spatial, 1, largest_extent);
  want_values(p.pads_begin, "pads_begin", spatial, 0, largest_extent);
  want_values(p.pads_end, "pads_end", spatial, 0, largest_extent);
  want_values(weights.dims().subspan(2), "the kernel", spatial, 1, largest_extent);
  if (p.group < 1) refuse(fmt::format("group={}: at least 1 wanted", p.group));
}

void check_channels(const TensorDesc& weights, const TensorDesc* bias, int64_t channels) {
  if (weights.shape[0] < 1 || weights.shape[1] < 1)
    refuse(fmt::format("weights {} without channels", weights.to_string()));
  if (bias == nullptr) return;
  want_same_type(*bias, "bias", weights);
  want_shape(*bias, "bias", Shape{channels});
}

void normalise_conv(OpParams& params, Operands operands) {
  fill_window(std::get<ConvParams>(params), spatial_rank(operands));
}

std::vector<TensorDesc> infer_conv(const ConvParams& p, Operands operands, int spatial) {
  const TensorDesc& x = operand(operands, 0, "input");
  const TensorDesc& weights = operand(operands, 1, "weights");
  want_float(x, "input");
  want_same_type(weights, "weights", x);
  want_rank(x, "input", spatial + 2, spatial + 2);
  want_rank(weights, "weights", spatial + 2, spatial + 2);
  check_window(p, weights.shape, spatial);
  const int64_t channels = x.shape[1];
  if (channels % p.group != 0 || channels / p.group != weights.shape[1]) {
    refuse(fmt::format("input {} in {} groups does not fit weights {} of {} channels a group", x.to_string(),
                       p.group, weights.to_string(), weights.shape[1]));
  }
  if (weights.shape[0] % p.group != 0) {
    refuse(fmt::format("weights {}: {} output channels in {} groups", weights.to_string(), weights.shape[0],
                       p.group));
  }
  check_channels(weights, optional_operand(operands, 2), weights.shape[0]);
  std::vector<int64_t> dims = {x.shape[0], weights.shape[0]};
  for (int axis = 0; axis < spatial; ++axis) {
    const int64_t padded = x.shape[axis + 2] + p.pads_begin[axis] + p.pads_end[axis];
    const int64_t window = p.dilation[axis] * (weights.shape[axis + 2] - 1) + 1;
    if (padded < window) {
      refuse(fmt::format("the kernel covers {} elements of spatial axis {}, which has {} with its padding",
                         window, axis, padded));
    }
    dims.push_back((padded - window) / p.stride[axis] + 1);
  }
  return {{x.type, Shape(dims)}};
}

double flops_of_results(double results, Operands operands) {
  const Shape& weights = operands[1]->shape;
  const auto window = static_cast<double>(weights.elements(1, weights.rank()));
  return results * (2 * window + (optional_operand(operands, 2) != nullptr ? 1 : 0));
}

double flops_conv(const OpParams&, Operands operands, std::span<const TensorDesc> outputs) {
  return flops_of_results(static_cast<double>(outputs[0].shape.elements()), operands);
}

void normalise_max_pool(OpParams& params, Operands operands) {
  auto& p = std::get<ConvMaxPoolParams>(params);
  fill_window(p.conv, spatial_rank(operands));
  fill(p.window, spatial_rank(operands), 1);
}

std::vector<TensorDesc> infer_max_pool(const OpParams& params, Operands operands) {
  const auto& p = as<ConvMaxPoolParams>(params);
  std::vector<TensorDesc> outputs = infer_conv(p.conv, operands, 2);
  want_values(p.window, "window", 2, 1, largest_extent);
  for (int axis = 0; axis < 2; ++axis) {
    const int64_t results = outputs[0].shape[axis + 2], window = p.window[static_cast<size_t>(axis)];
    if (results < window)
      refuse(fmt::format("the window covers {} results of spatial axis {}, which has {}", window, axis,
                         results));
    outputs[0].shape = outputs[0].shape.with(axis + 2, results / window);
  }
  return outputs;
}

/// As of both layers: what is convolved, and a comparison for each element of each window.
double flops_max_pool(const OpParams& params, Operands operands, std::span<const TensorDesc> outputs) {
  const auto& p = as<ConvMaxPoolParams>(params);
  const auto results = static_cast<double>(infer_conv(p.conv, operands, 2)[0].shape.elements());
  const auto compared = static_cast<double>(outputs[0].shape.elements()) * static_cast<double>(p.window[0]) *
                        static_cast<double>(p.window[1]);
  return flops_of_results(results, operands) + compared;
}

void normalise_transpose(OpParams& params, Operands operands) {
  auto& p = std::get<ConvTransposeParams>(params);
  fill_window(p, spatial_rank(operands));
  fill(p.output_padding, spatial_rank(operands), 0);
}

std::vector<TensorDesc> infer_transpose(const OpParams& params, Operands operands) {
  const auto& p = as<ConvTransposeParams>(params);
  const TensorDesc& x = operand(operands, 0, "input");
  const TensorDesc& weights = operand(operands, 1, "weights");
  want_float(x, "input");
  want_same_type(weights, "weights", x);
  want_rank(x, "input", 3, 5);
  want_rank(weights, "weights", x.shape.rank(), x.shape.rank());
  const int spatial = x.shape.rank() - 2;
  check_window(p, weights.shape, spatial);
  want_values(p.output_padding, "output_padding", spatial, 0, largest_extent);
  if (x.shape[1] != weights.shape[0]) {
    refuse(fmt::format("weights {} want {} input channels; the input is {}", weights.to_string(),
                       weights.shape[0], x.to_string()));
  }
  if (x.shape[1] % p.group != 0)
    refuse(fmt::format("input {}: its channels in {} groups", x.to_string(), p.group));
  const int64_t channels = product(weights.shape[1], p.group, "output channels");
  check_channels(weights, optional_operand(operands, 2), channels);
  std::vector<int64_t> dims = {x.shape[0], channels};
  for (int axis = 0; axis < spatial; ++axis) {
    const int64_t in = x.shape[axis + 2];
    if (in < 1 || in > largest_extent)
      refuse(fmt::format("input {}: spatial axis {} is empty or too long", x.to_string(), axis));
    // Each product is at most 2^60.
    const int64_t extent = p.stride[axis] * (in - 1) + p.output_padding[axis] +
                           p.dilation[axis] * (weights.shape[axis + 2] - 1) + 1 - p.pads_begin[axis] -
                           p.pads_end[axis];
    if (extent < 1) refuse(fmt::format("the pads leave {} elements of spatial axis {}", extent, axis));
    dims.push_back(extent);
  }
  return {{x.type, Shape(dims)}};
}

double flops_transpose(const OpParams&, Operands operands, std::span<const TensorDesc> outputs) {
  const Shape& weights = operands[1]->shape;
  const auto inputs = static_cast<double>(operands[0]->shape.elements());
  const auto bias =
      optional_operand(operands, 2) != nullptr ? static_cast<double>(outputs[0].shape.elements()) : 0;
  return 2 * inputs * static_cast<double>(weights.elements(1, weights.rank())) + bias;
}

}  // namespace

Shape ConvMaxPoolParams::results(const Shape& output) const {
  return output.with(2, output[2] * window[0]).with(3, output[3] * window[1]);
}

void rules::add_conv_ops(std::vector<OpInfo>& table) {
  table.push_back({OpKind::conv2d, "conv2d", ConvParams{}, 2, 3, normalise_conv,
                   [](const OpParams& p, Operands o) { return infer_conv(as<ConvParams>(p), o, 2); },
                   flops_conv});
  table.push_back({OpKind::conv3d, "conv3d", ConvParams{}, 2, 3, normalise_conv,
                   [](const OpParams& p, Operands o) { return infer_conv(as<ConvParams>(p), o, 3); },
                   flops_conv});
  table.push_back({OpKind::conv_transpose, "conv_transpose", ConvTransposeParams{}, 2, 3, normalise_transpose,
                   infer_transpose, flops_transpose});
  table.push_back({OpKind::conv2d_max_pool, "conv2d_max_pool", ConvMaxPoolParams{}, 2, 3, normalise_max_pool,
                   infer_max_pool, flops_max_pool});
}

}  // namespace raceline
