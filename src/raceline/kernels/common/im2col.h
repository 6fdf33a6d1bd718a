// Lowering of a 2-D convolution to a matrix product, and how its work is cut into tiles and over threads.
#pragma once
#include <cstdint>

#include "raceline/graph/layer_desc.h"
#include "raceline/kernels/common/slice.h"

namespace raceline {

/// The extents of a conv2d layer; channels and filters are those of one group. Of a conv2d_max_pool the
/// outputs are the results that lie in a window.
struct Conv2dShape {
  int64_t images, groups, channels, height, width;
  int64_t filters, kernel_h, kernel_w, out_h, out_w;
  int64_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  /// 1x1 with stride 1 and no padding: the input is the lowered matrix already.
  bool is_pointwise;

  static Conv2dShape of(const LayerDesc& layer);
  /// Output pixels of one image.
  int64_t pixels() const { return out_h * out_w; }
  /// Products that are added up for one output.
  int64_t depth() const { return channels * kernel_h * kernel_w; }
};

/// The outputs, of [0, out), whose input position output * stride + shift lies inside [0, extent).
Slice outputs_inside(int64_t out, int64_t stride, int64_t shift, int64_t extent);

/// How the output pixels of an image are cut. A tile's lowered matrix stays in the caches, where the whole
/// one would be written to memory and read again: of VGG's second layer it has 115 MB.
struct ConvTiling {
  int64_t tiles = 1;
  /// Threads share the filters of one tile, not the tiles: for small images with many filters.
  bool by_filters = false;

  /// `units` images (times groups, where each has a product of its own) are to be shared by `threads`.
  static ConvTiling choose(const Conv2dShape& shape, int64_t units, int threads);
  /// Pixels of one tile.
  Slice tile(const Conv2dShape& shape, int64_t index) const;
  /// Elements of the largest tile's lowered matrix; 0 when nothing is lowered.
  int64_t lowered_elements(const Conv2dShape& shape) const;
};

/// Rows `depth` (of [channel, kernel row, kernel column]) of the lowered matrix for the given output pixels:
/// lowered[row * stride + pixel - pixels.first]. `image` is the first channel of the group, nchw.
void im2col(const Conv2dShape& shape, const float* image, Slice depth, Slice pixels, float* lowered,
            int64_t stride);

/// A row of [kernel row, kernel column, channel] for each of the given output pixels. `image` is the first
/// channel of the group in its nhwc image, whose pixels lie shape.groups * shape.channels apart.
void im2row(const Conv2dShape& shape, const float* image, Slice pixels, float* lowered);

}  // namespace raceline
