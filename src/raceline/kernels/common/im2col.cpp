#include "raceline/kernels/common/im2col.h"

#include <algorithm>

namespace raceline {
namespace {

/// Elements of a tile's lowered matrix: 1 MB, which leaves a second-level cache room for nothing else but is
/// read from the third level without stalling the product.
constexpr int64_t tile_elements = int64_t{1} << 18;
/// Fewer pixels than this make packing the filters, once a tile, expensive.
constexpr int64_t least_tile = 384;

}  // namespace

Slice outputs_inside(int64_t out, int64_t stride, int64_t shift, int64_t extent) {
  const int64_t first = shift >= 0 ? 0 : ceil_div(-shift, stride);
  const int64_t last = extent > shift ? ceil_div(extent - shift, stride) : 0;
  return {std::min(first, out), std::clamp<int64_t>(last, std::min(first, out), out)};
}

Conv2dShape Conv2dShape::of(const LayerDesc& layer) {
  const bool pools = layer.op == OpKind::conv2d_max_pool;
  const ConvParams& params = pools ? layer.as<ConvMaxPoolParams>().conv : layer.as<ConvParams>();
  const Shape& x = layer.inputs[0].desc.shape;
  const Shape& w = layer.inputs[1].desc.shape;
  const Shape& output = layer.outputs[0].shape;
  const Shape y = pools ? layer.as<ConvMaxPoolParams>().results(output) : output;
  Conv2dShape shape{};
  shape.images = x[0];
  shape.groups = params.group;
  shape.channels = w[1];
  shape.height = x[2];
  shape.width = x[3];
  shape.filters = w[0] / params.group;
  shape.kernel_h = w[2];
  shape.kernel_w = w[3];
  shape.out_h = y[2];
  shape.out_w = y[3];
  shape.stride_h = params.stride[0];
  shape.stride_w = params.stride[1];
  shape.dilation_h = params.dilation[0];
  shape.dilation_w = params.dilation[1];
  shape.pad_top = params.pads_begin[0];
  shape.pad_left = params.pads_begin[1];
  shape.is_pointwise = shape.kernel_h == 1 && shape.kernel_w == 1 && shape.stride_h == 1 &&
                       shape.stride_w == 1 && shape.pad_top == 0 && shape.pad_left == 0 && y[2] == x[2] &&
                       y[3] == x[3];
  return shape;
}

ConvTiling ConvTiling::choose(const Conv2dShape& shape, int64_t units, int threads) {
  ConvTiling tiling;
  const int64_t pixels = std::max<int64_t>(1, shape.pixels());
  units = std::max<int64_t>(1, units);
  if (!shape.is_pointwise) {
    const int64_t most = std::max(least_tile, tile_elements / std::max<int64_t>(1, shape.depth()));
    tiling.tiles = ceil_div(pixels, most);
  }
  if (threads <= 1) return tiling;
  if (units < threads && pixels / threads < 48 && shape.filters / threads >= 16) {
    tiling.by_filters = true;
    return tiling;
  }
  if (units * tiling.tiles < 4 * threads) {
    while (units * tiling.tiles % threads != 0 && tiling.tiles < pixels) ++tiling.tiles;
  }
  return tiling;
}

Slice ConvTiling::tile(const Conv2dShape& shape, int64_t index) const {
  const int64_t pixels = shape.pixels();
  return slice_of(pixels, index, tiles, pixels / tiles >= 64 ? 16 : 1);
}

int64_t ConvTiling::lowered_elements(const Conv2dShape& shape) const {
  // The first tile is never smaller than another.
  return shape.is_pointwise ? 0 : tile(shape, 0).size() * shape.depth();
}

void im2col(const Conv2dShape& shape, const float* image, Slice depth, Slice pixels, float* lowered,
            int64_t stride) {
  for (int64_t row = depth.first; row < depth.last; ++row) {
    const int64_t kernel_x = row % shape.kernel_w;
    const int64_t kernel_y = row / shape.kernel_w % shape.kernel_h;
    const float* channel = image + row / (shape.kernel_w * shape.kernel_h) * shape.height * shape.width;
    const int64_t shift = kernel_x * shape.dilation_w - shape.pad_left;
    const Slice columns = outputs_inside(shape.out_w, shape.stride_w, shift, shape.width);
    float* to = lowered + (row - depth.first) * stride - pixels.first;
    for (int64_t pixel = pixels.first; pixel < pixels.last;) {
      const int64_t out_y = pixel / shape.out_w;
      const int64_t line = out_y * shape.out_w;
      const int64_t end = std::min(pixels.last, line + shape.out_w);
      const int64_t y = out_y * shape.stride_h + kernel_y * shape.dilation_h - shape.pad_top;
      if (y < 0 || y >= shape.height) {
        std::fill(to + pixel, to + end, 0.0f);
        pixel = end;
        continue;
      }
      const int64_t first = std::clamp(line + columns.first, pixel, end);
      const int64_t last = std::clamp(line + columns.last, first, end);
      std::fill(to + pixel, to + first, 0.0f);
      const float* from = channel + y * shape.width;
      if (shape.stride_w == 1) {
        std::copy(from + (first - line) + shift, from + (last - line) + shift, to + first);
      } else {
        for (int64_t at = first; at < last; ++at) to[at] = from[(at - line) * shape.stride_w + shift];
      }
      std::fill(to + last, to + end, 0.0f);
      pixel = end;
    }
  }
}

void im2row(const Conv2dShape& shape, const float* image, Slice pixels, float* lowered) {
  const int64_t step = shape.groups * shape.channels;
  const int64_t channels = shape.channels;
  for (int64_t pixel = pixels.first; pixel < pixels.last; ++pixel) {
    const int64_t top = pixel / shape.out_w * shape.stride_h - shape.pad_top;
    const int64_t left = pixel % shape.out_w * shape.stride_w - shape.pad_left;
    const Slice columns = outputs_inside(shape.kernel_w, shape.dilation_w, left, shape.width);
    for (int64_t kernel_y = 0; kernel_y < shape.kernel_h; ++kernel_y) {
      const int64_t y = top + kernel_y * shape.dilation_h;
      float* const row_end = lowered + shape.kernel_w * channels;
      if (y < 0 || y >= shape.height) {
        std::fill(lowered, row_end, 0.0f);
        lowered = row_end;
        continue;
      }
      const float* line = image + (y * shape.width + left) * step;
      std::fill(lowered, lowered + columns.first * channels, 0.0f);
      if (shape.groups == 1 && shape.dilation_w == 1) {
        std::copy(line + columns.first * channels, line + columns.last * channels,
                  lowered + columns.first * channels);
      } else {
        for (int64_t x = columns.first; x < columns.last; ++x) {
          std::copy_n(line + x * shape.dilation_w * step, channels, lowered + x * channels);
        }
      }
      std::fill(lowered + columns.last * channels, row_end, 0.0f);
      lowered = row_end;
    }
  }
}

}  // namespace raceline
