// Which loops compute a depthwise layer, for one vector width.
#pragma once
#include "raceline/kernels/native/depthwise_planes.h"
#include "raceline/kernels/native/depthwise_rows.h"

namespace raceline {

template <int lanes, int taps, int stride, int columns>
void run_depthwise_rows(const DepthwiseRows& task) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { depthwise_rows<lanes, taps, stride, columns>(task); });
}
template <int lanes, int taps, int stride>
void run_depthwise_plane(const DepthwisePlane& task) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { depthwise_plane<lanes, taps, stride>(task); });
}

template <int lanes, int taps, int stride>
void use_if_made_for(const Conv2dShape& shape, DepthwiseLoops& loops) {
  if (shape.kernel_w != taps || shape.stride_w != stride || shape.dilation_w != 1) return;
  // With few columns the taps of single outputs are the longer loops. Blocks of 7 fit 7, 14 and 28 columns.
  if (shape.out_w > 2) {
    const bool by7 = lanes < 16 && taps > 3 ? false : (shape.out_w + 6) / 7 * 7 < (shape.out_w + 7) / 8 * 8;
    loops.rows =
        by7 ? run_depthwise_rows<lanes, taps, stride, 7> : run_depthwise_rows<lanes, taps, stride, 8>;
  }
  if (shape.kernel_h == taps && shape.stride_h == stride && shape.dilation_h == 1)
    loops.plane = run_depthwise_plane<lanes, taps, stride>;
}

template <int lanes>
DepthwiseLoops depthwise_loops(const Conv2dShape& shape) {
  DepthwiseLoops loops{run_depthwise_rows<lanes, 0, 0, 0>, run_depthwise_plane<lanes, 0, 0>};
  use_if_made_for<lanes, 3, 1>(shape, loops);
  use_if_made_for<lanes, 3, 2>(shape, loops);
  use_if_made_for<lanes, 5, 1>(shape, loops);
  use_if_made_for<lanes, 5, 2>(shape, loops);
  use_if_made_for<lanes, 7, 1>(shape, loops);
  use_if_made_for<lanes, 7, 2>(shape, loops);
  return loops;
}

}  // namespace raceline
