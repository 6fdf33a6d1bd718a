// Shape rules of conv2d, conv3d and conv_transpose. Source: ONNX Conv and ConvTranspose.
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

std::vector<TensorDesc> infer_conv(const OpParams& params, Operands operands, int spatial) {
  const auto& p = as<ConvParams>(params);
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

double flops_conv(const OpParams&, Operands operands, std::span<const TensorDesc> outputs) {
  const Shape& weights = operands[1]->shape;
  const auto results = static_cast<double>(outputs[0].shape.elements());
  const auto window = static_cast<double>(weights.elements(1, weights.rank()));
  return results * (2 * window + (optional_operand(operands, 2) != nullptr ? 1 : 0));
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

void rules::add_conv_ops(std::vector<OpInfo>& table) {
  table.push_back({OpKind::conv2d, "conv2d", ConvParams{}, 2, 3, normalise_conv,
                   [](const OpParams& p, Operands o) { return infer_conv(p, o, 2); }, flops_conv});
  table.push_back({OpKind::conv3d, "conv3d", ConvParams{}, 2, 3, normalise_conv,
                   [](const OpParams& p, Operands o) { return infer_conv(p, o, 3); }, flops_conv});
  table.push_back({OpKind::conv_transpose, "conv_transpose", ConvTransposeParams{}, 2, 3, normalise_transpose,
                   infer_transpose, flops_transpose});
}

}  // namespace raceline
