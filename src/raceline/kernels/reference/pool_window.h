// Windows of pooling over three spatial dimensions; missing ones have extent 1.
#pragma once
#include <algorithm>
#include <cstdint>

#include "raceline/graph/layer_desc.h"

namespace raceline {

/// The part of a window along one axis.
struct PoolWindow {
  int64_t first = 0;    ///< the first position inside of the image
  int64_t count = 0;    ///< positions inside of the image, a dilation apart
  int64_t counted = 0;  ///< positions inside of the padded image
};

struct PoolAxis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad_begin = 0, pad_end = 0;

  PoolWindow window(int64_t o) const {
    const int64_t start = o * stride - pad_begin;
    const int64_t skipped = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
    const int64_t first = start + skipped * dilation;
    const int64_t room = first >= in ? 0 : (in - 1 - first) / dilation + 1;
    const int64_t padded = std::max<int64_t>(0, in + pad_end - start + dilation - 1) / dilation;
    return {first, std::clamp<int64_t>(kernel - skipped, 0, room), std::min(kernel, padded)};
  }
};

struct PoolAxes {
  explicit PoolAxes(const LayerDesc& layer) {
    const PoolParams& params = layer.as<PoolParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    PoolAxis* const axes[3] = {&depth, &height, &width};
    const int spatial = x.rank() - 2;
    for (int i = 0; i < spatial; ++i) {
      const auto at = static_cast<size_t>(i);
      *axes[3 - spatial + i] = {x[2 + i],
                                y[2 + i],
                                params.kernel[at],
                                params.stride[at],
                                params.dilation[at],
                                params.pads_begin[at],
                                params.pads_end[at]};
    }
    planes = y[0] * y[1];
  }
  int64_t plane_elements() const { return depth.in * height.in * width.in; }

  PoolAxis depth, height, width;
  int64_t planes = 0;  ///< batch times channels
};

}  // namespace raceline
