// The innermost loops of the direct convolution in nchw, where pixels lie side by side: vectors run over
// output pixels, and each number of up to 14 filters is multiplied by one or two of them. Outputs need no
// exchange of rows and columns, but rows are cut into whole vectors, of which the last overlaps the one
// before.
#pragma once
#include "raceline/kernels/native/direct_block.h"

namespace raceline {

template <int lanes, int filters, int vectors>
RACELINE_INLINE void plane_block(const DirectPlaneRow& row, int64_t pixel) {
  Vec<lanes> sums[filters][vectors] = {};
  if (row.bias != nullptr) {
    unrolled<filters>([&](auto filter) RACELINE_LAMBDA {
      const Vec<lanes> bias = row.bias[filter] - Vec<lanes>{};
      unrolled<vectors>([&](auto vector) RACELINE_LAMBDA { sums[filter][vector] = bias; });
    });
  }
  const float* factors = row.filters;
  for (int64_t segment = 0; segment < row.segment_count; ++segment) {
    const float* x = bytes_on(row.x + pixel, row.segments[segment]);
    for (int64_t channel = row.length; channel > 0; --channel) {
      Vec<lanes> inputs[vectors];
      unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
        load<lanes>(inputs[vector], x + vector * lanes);
        keep<lanes>(inputs[vector]);
        // What the next block reads: planes are too far apart for the processor to see it coming.
        if constexpr (vectors == 2) __builtin_prefetch(x + (vectors + vector) * lanes);
      });
      unrolled<filters>([&](auto filter) RACELINE_LAMBDA {
        const float factor = factors[filter];
        unrolled<vectors>([&](auto vector)
                              RACELINE_LAMBDA { sums[filter][vector] += factor * inputs[vector]; });
      });
      x = bytes_on(x, row.channel_step);
      factors += filters;
    }
  }
  float* y = row.y + pixel;
  const float* residual = row.residual == nullptr ? nullptr : row.residual + pixel;
  unrolled<filters>([&](auto filter) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
      if (residual != nullptr) add_from<lanes>(residual + vector * lanes, sums[filter][vector]);
      bound<lanes>(sums[filter][vector], row.low, row.high);
      store<lanes>(y + vector * lanes, sums[filter][vector]);
    });
    y = bytes_on(y, row.filter_step);
    if (residual != nullptr) residual = bytes_on(residual, row.filter_step);
  });
}

template <int lanes, int filters>
RACELINE_INLINE void plane_row(const DirectPlaneRow& task) {
  const DirectPlaneRow row = task;  // a copy, which no output can alias
  int64_t pixel = 0;
  for (; pixel + 2 * lanes <= row.pixels; pixel += 2 * lanes) plane_block<lanes, filters, 2>(row, pixel);
  for (; pixel < row.pixels; pixel += lanes) {
    const int64_t last = row.pixels - lanes;
    plane_block<lanes, filters, 1>(row, pixel < last ? pixel : last);
  }
}

template <int lanes, int filters>
void run_plane_row(const DirectPlaneRow& row) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { plane_row<lanes, filters>(row); });
}

}  // namespace raceline
