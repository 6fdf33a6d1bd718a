// Parameters of convolution and transposed convolution.
#pragma once
#include <cstdint>
#include <vector>

#include "raceline/tensor/shape.h"

namespace raceline {

/// conv2d (N, C, H, W) and conv3d (N, C, D, H, W). Operands: x, weights [K, C/group, kernel...], bias [K] or
/// absent. One value per spatial axis; pads may differ between begin and end. The kernel's extent is the
/// weights'. Source: ONNX Conv. (The ONNX reader lifts 1-D convolutions to conv2d with height 1.)
struct ConvParams {
  std::vector<int64_t> stride;      ///< empty stands for ones until the layer is normalised
  std::vector<int64_t> dilation;    ///< likewise
  std::vector<int64_t> pads_begin;  ///< empty stands for zeros
  std::vector<int64_t> pads_end;
  int64_t group = 1;
  friend bool operator==(const ConvParams&, const ConvParams&) = default;
};

/// conv_transpose in 1 to 3 spatial dimensions. Operands: x [N, C, ...], weights [C, K/group, kernel...],
/// bias [K] or absent. Output extent: stride * (in - 1) + output_padding + dilation * (kernel - 1) + 1 -
/// pads. Source: ONNX ConvTranspose (auto_pad and output_shape are resolved to pads by the reader).
struct ConvTransposeParams {
  std::vector<int64_t> stride, dilation, pads_begin, pads_end, output_padding;
  int64_t group = 1;
  friend bool operator==(const ConvTransposeParams&, const ConvTransposeParams&) = default;
};

/// conv2d, and then the largest of each window of its results: conv2d_max_pool, a layer that only fusions
/// make. Operands as of conv2d. Windows do not overlap (their stride is their extent) and those that would
/// hang over the end are dropped; NaN counts as largest. Two values: rows and columns of a window.
struct ConvMaxPoolParams {
  ConvParams conv;
  std::vector<int64_t> window;  ///< empty stands for ones until the layer is normalised

  /// The results that lie in a window, of a layer whose output has this shape.
  Shape results(const Shape& output) const;
  friend bool operator==(const ConvMaxPoolParams&, const ConvMaxPoolParams&) = default;
};

template <class Visitor>
void visit_fields(ConvParams& p, Visitor&& visit) {
  visit("stride", p.stride);
  visit("dilation", p.dilation);
  visit("pads_begin", p.pads_begin);
  visit("pads_end", p.pads_end);
  visit("group", p.group);
}

template <class Visitor>
void visit_fields(ConvTransposeParams& p, Visitor&& visit) {
  visit("stride", p.stride);
  visit("dilation", p.dilation);
  visit("pads_begin", p.pads_begin);
  visit("pads_end", p.pads_end);
  visit("output_padding", p.output_padding);
  visit("group", p.group);
}

template <class Visitor>
void visit_fields(ConvMaxPoolParams& p, Visitor&& visit) {
  visit_fields(p.conv, visit);
  visit("window", p.window);
}

}  // namespace raceline
