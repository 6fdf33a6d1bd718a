// Depthwise convolutions: a filter of its own for each channel, so that there is nothing to multiply as
// matrices. One text of the loops for each vector width; see conv2d_native_depthwise.cpp.
#pragma once
#include <memory>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/common/target.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Taps of a kernel, `dilation` apart, whose first lies at `start` that are inside [0, extent).
RACELINE_INLINE Slice depthwise_taps(int64_t start, int64_t taps, int64_t dilation, int64_t extent) {
  const int64_t first = start >= 0 ? 0 : (-start + dilation - 1) / dilation;
  const int64_t past = start < extent ? (extent - start + dilation - 1) / dilation : 0;
  const int64_t last = past < taps ? past : taps;
  return {first < last ? first : last, last};
}

/// Some rows of outputs, in a layout whose channels lie side by side: of all channels in nhwc, of one block
/// of channels otherwise.
struct DepthwiseRows {
  const Conv2dShape* shape;
  const float* x;         ///< column 0 of the image's row 0
  const float* filters;   ///< [vector of channels][kernel row][kernel column][lane]
  const float* bias;      ///< of the channels; nullptr: none
  const float* residual;  ///< as y; nullptr: none
  float* y;               ///< column 0 of the output's row 0
  int64_t pixel_step;     ///< floats from one column to the next, of x and of y
  int64_t channels;       ///< stored at each pixel; a multiple of the lanes, or at least as many
  Slice rows, vectors;
  float low, high;
};

/// Rows of padded input that lie in the scratch of a plane at a time, and the floats of one: the columns with
/// the stride's remainders apart, so that vectors of outputs read neighbours.
struct DepthwiseScratch {
  int64_t phase_step, row_step, out_rows, rows;

  static DepthwiseScratch of(const Conv2dShape& shape, int lanes);
  int64_t elements() const { return rows * row_step; }
};

/// Some rows of outputs of one channel in nchw.
struct DepthwisePlane {
  const Conv2dShape* shape;
  const DepthwiseScratch* form;
  const float* x;
  const float* filter;    ///< [kernel row][kernel column]
  const float* residual;  ///< as y; nullptr: none
  float* y;               ///< the channel's first output
  float* scratch;         ///< filled with zeros before the thread's first plane
  Slice rows;
  float bias, low, high;
};

/// The loops for one vector width.
struct DepthwiseLoops {
  void (*rows)(const DepthwiseRows& task);
  void (*plane)(const DepthwisePlane& task);
};

/// Chooses by kernel and stride. Each vector width is compiled in a file of its own.
template <int lanes>
DepthwiseLoops depthwise_loops(const Conv2dShape& shape);
extern template DepthwiseLoops depthwise_loops<16>(const Conv2dShape& shape);
extern template DepthwiseLoops depthwise_loops<8>(const Conv2dShape& shape);
extern template DepthwiseLoops depthwise_loops<4>(const Conv2dShape& shape);

/// A primitive that uses the best instructions of this machine up to `most`; nchw8c has vectors of 8.
std::unique_ptr<Primitive> make_depthwise(Layout layout, Isa most);

}  // namespace raceline
