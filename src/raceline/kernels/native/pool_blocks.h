// Pooling where channels come in blocks: the outputs of a window stay in registers while its taps are read.
#pragma once
#include <limits>

#include "raceline/graph/layer_desc.h"
#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/native/lanes.h"

namespace raceline {

struct PoolShape {
  int64_t height, width, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  int64_t padded_h, padded_w;  ///< where counting stops: the image's end, or that of its padding

  static PoolShape of(const LayerDesc& layer) {
    const PoolParams& p = layer.as<PoolParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    PoolShape shape{x[2],
                    x[3],
                    y[2],
                    y[3],
                    p.kernel[0],
                    p.kernel[1],
                    p.stride[0],
                    p.stride[1],
                    p.pads_begin[0],
                    p.pads_begin[1],
                    x[2],
                    x[3]};
    if (p.count_include_pad) {
      shape.padded_h += p.pads_end[0];
      shape.padded_w += p.pads_end[1];
    }
    return shape;
  }
};

/// One row of outputs of some channels: `lanes` channels of each pixel, whose pixels lie `step` apart.
struct PoolRow {
  const float* image;  ///< the first pixel of the plane
  float* y;            ///< the first output of the row
  int64_t out_y, lanes, step;
};

/// Taps [first, last) of a window that starts at `start` and lies inside [0, extent).
RACELINE_INLINE Slice taps(int64_t start, int64_t kernel, int64_t extent) {
  const int64_t last = extent - start < kernel ? extent - start : kernel;
  return {start < 0 ? -start : 0, last};
}

/// The share of a window's sum that is its average: 1 over the taps that count.
RACELINE_INLINE float average_share(const PoolShape& shape, int64_t top, int64_t left, Slice vertical,
                                    Slice horizontal, bool include_pad) {
  if (!include_pad) return 1.0f / static_cast<float>(vertical.size() * horizontal.size());
  const int64_t bottom = top + shape.kernel_h, right = left + shape.kernel_w;
  return 1.0f / static_cast<float>(((bottom < shape.padded_h ? bottom : shape.padded_h) - top) *
                                   ((right < shape.padded_w ? right : shape.padded_w) - left));
}

/// One row of outputs of one block of channels.
using PoolBlocks = void (*)(const PoolShape& shape, const PoolRow& row, bool include_pad);

/// kernel: the window's height and width where they are known; 0: any.
template <bool is_max, int lanes, int block, int kernel>
void pool_blocks(const PoolShape& shape_of_all, const PoolRow& row_of_all, bool include_pad) {
  run_with_lanes<lanes>([&, shape = shape_of_all, row = row_of_all]() RACELINE_LAMBDA {
    constexpr int vectors = block / lanes;
    const int64_t top = row.out_y * shape.stride_h - shape.pad_top;
    const Slice vertical = taps(top, shape.kernel_h, shape.height);
    for (int64_t x = 0; x < shape.out_w; ++x) {
      const int64_t left = x * shape.stride_w - shape.pad_left;
      const Slice horizontal = taps(left, shape.kernel_w, shape.width);
      Vec<lanes> sums[vectors];
      unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
        sums[vector] = Vec<lanes>{} + (is_max ? -std::numeric_limits<float>::infinity() : 0.0f);
      });
      const auto add = [&](int64_t tap_y, int64_t tap_x) RACELINE_LAMBDA {
        const float* from = row.image + ((top + tap_y) * shape.width + left + tap_x) * block;
        unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
          Vec<lanes> tap;
          load<lanes>(tap, from + vector * lanes);
          Vec<lanes>& sum = sums[vector];
          if constexpr (is_max) {
            take_larger<lanes>(sum, tap);
          } else {
            sum += tap;
          }
        });
      };
      if (kernel > 0 && vertical.size() == kernel && horizontal.size() == kernel) {
        unrolled<kernel * kernel>([&](auto at) RACELINE_LAMBDA { add(at / kernel, at % kernel); });
      } else {
        for (int64_t tap_y = vertical.first; tap_y < vertical.last; ++tap_y) {
          for (int64_t tap_x = horizontal.first; tap_x < horizontal.last; ++tap_x) add(tap_y, tap_x);
        }
      }
      const float share = is_max ? 1.0f : average_share(shape, top, left, vertical, horizontal, include_pad);
      unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
        if (!is_max) sums[vector] *= share;
        store<lanes>(row.y + x * block + vector * lanes, sums[vector]);
      });
    }
  });
}

template <bool is_max, int lanes, int block>
PoolBlocks pool_blocks_for(const PoolShape& shape) {
  if (shape.kernel_h == 2 && shape.kernel_w == 2) return pool_blocks<is_max, lanes, block, 2>;
  if (shape.kernel_h == 3 && shape.kernel_w == 3) return pool_blocks<is_max, lanes, block, 3>;
  return pool_blocks<is_max, lanes, block, 0>;
}

/// For blocks of so many channels, by the best instructions of this machine; nullptr: not for such blocks.
template <bool is_max>
PoolBlocks pool_blocks_of(int64_t block, const PoolShape& shape) {
  const int lanes = lanes_of(best_isa());
  if (block == 16) {
    return lanes == 16  ? pool_blocks_for<is_max, 16, 16>(shape)
           : lanes == 8 ? pool_blocks_for<is_max, 8, 16>(shape)
                        : pool_blocks_for<is_max, 4, 16>(shape);
  }
  if (block == 8)
    return lanes >= 8 ? pool_blocks_for<is_max, 8, 8>(shape) : pool_blocks_for<is_max, 4, 8>(shape);
  return nullptr;
}

}  // namespace raceline
