// Direct convolution over three spatial dimensions, which serves conv2d (depth 1) and conv3d.
#pragma once
#include <algorithm>
#include <cstdint>

#include "raceline/primitive/primitive.h"

namespace raceline {

/// One spatial axis of a convolution; the defaults are an axis of extent 1.
struct ConvAxis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;

  /// The input position under kernel element k at output position o; outside of [0, in) in the padding.
  int64_t position(int64_t o, int64_t k) const { return o * stride + k * dilation - pad; }
  bool inside(int64_t i) const { return i >= 0 && i < in; }
  /// The output positions [first, last) for which kernel element k lies inside of the input.
  int64_t first(int64_t k) const {
    const int64_t missing = pad - k * dilation;
    return missing <= 0 ? 0 : std::min(out, (missing + stride - 1) / stride);
  }
  int64_t last(int64_t k) const {
    const int64_t room = in - 1 + pad - k * dilation;
    return room < 0 ? 0 : std::min(out, room / stride + 1);
  }
};

/// Sums in T, in the order: kernel elements, channels. Writes every result once as bias and then adds to it;
/// runs along rows, so that neighbouring sums do not wait for each other. There may be fewer results than the
/// operands have room for.
template <class T>
void run_conv_direct(const LayerDesc& layer, const ConvParams& params, const KernelArgs& args, bool with_bias,
                     const Shape& y_shape, T* results) {
  const Shape& x_shape = layer.inputs[0].desc.shape;
  const Shape& w_shape = layer.inputs[1].desc.shape;
  ConvAxis axes[3];
  const int spatial = x_shape.rank() - 2;
  for (int i = 0; i < spatial; ++i) {
    const auto at = static_cast<size_t>(i);
    axes[3 - spatial + i] = {x_shape[2 + i],    y_shape[2 + i],      w_shape[2 + i],
                             params.stride[at], params.dilation[at], params.pads_begin[at]};
  }
  const auto& [depth, height, width] = axes;
  const int64_t outputs = y_shape[1];
  const int64_t group_inputs = w_shape[1];
  const int64_t group_outputs = outputs / params.group;
  const int64_t in_plane = depth.in * height.in * width.in;
  const int64_t kernel_volume = depth.kernel * height.kernel * width.kernel;
  const T* bias = with_bias ? args.inputs[2].data<T>() : nullptr;
  T* row = results;

  for (int64_t n = 0; n < y_shape[0]; ++n) {
    for (int64_t k = 0; k < outputs; ++k) {
      const T* weights = args.inputs[1].data<T>() + k * group_inputs * kernel_volume;
      const T* image =
          args.inputs[0].data<T>() + (n * x_shape[1] + k / group_outputs * group_inputs) * in_plane;
      for (int64_t od = 0; od < depth.out; ++od) {
        for (int64_t oh = 0; oh < height.out; ++oh, row += width.out) {
          std::fill(row, row + width.out, bias == nullptr ? T{0} : bias[k]);
          for (int64_t kd = 0; kd < depth.kernel; ++kd) {
            const int64_t id = depth.position(od, kd);
            if (!depth.inside(id)) continue;
            for (int64_t kh = 0; kh < height.kernel; ++kh) {
              const int64_t ih = height.position(oh, kh);
              if (!height.inside(ih)) continue;
              for (int64_t kw = 0; kw < width.kernel; ++kw) {
                const int64_t first = width.first(kw);
                const int64_t count = width.last(kw) - first;
                if (count <= 0) continue;
                const T* x = image + (id * height.in + ih) * width.in + width.position(first, kw);
                const T* w = weights + (kd * height.kernel + kh) * width.kernel + kw;
                T* y = row + first;
                for (int64_t c = 0; c < group_inputs; ++c, x += in_plane, w += kernel_volume) {
                  const T weight = *w;
                  for (int64_t i = 0; i < count; ++i) y[i] += weight * x[i * width.stride];
                }
              }
            }
          }
        }
      }
    }
  }
}

}  // namespace raceline
