// Depthwise convolution where channels lie side by side: vectors run over channels, a block of output columns
// stays in registers, and each input column is loaded once for all outputs of the block that it is part of.
// Rows and columns outside of the image are left out, not read as zeros.
#pragma once
#include "raceline/kernels/native/depthwise.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// A block of outputs in one row. Pointers are those of a vector's first channel.
struct DepthwiseBlock {
  const float* x;         ///< under the block's first tap, whether that is inside of the image or not
  const float* filter;    ///< of the kernel's first row that is inside
  const float* residual;  ///< as y; nullptr: none
  float* y;               ///< the first output
  int64_t kernel_rows;    ///< inside of the image
  int64_t row_step, pixel_step;
  int64_t inside, outside;  ///< input columns that exist, counted from the first tap
  int64_t outputs;          ///< that exist
  float low, high;
};

template <int lanes>
RACELINE_INLINE void finish_depthwise(const DepthwiseBlock& block, int64_t offset, Vec<lanes>& sum) {
  if (block.residual != nullptr) {
    Vec<lanes> other;
    load<lanes>(other, block.residual + offset);
    sum += other;
  }
  bound<lanes>(sum, block.low, block.high);
  store<lanes>(block.y + offset, sum);
}

/// At an edge, taps outside of the image's columns are left out, and so are outputs beyond the last.
template <int lanes, int taps, int stride, int columns, bool edge>
RACELINE_INLINE void depthwise_block(const DepthwiseBlock& block, const Vec<lanes>& bias) {
  Vec<lanes> sums[columns] = {};
  unrolled<columns>([&](auto column) RACELINE_LAMBDA { sums[column] = bias; });
  const float* x = block.x;
  const float* filter = block.filter;
  for (int64_t kernel_row = 0; kernel_row < block.kernel_rows; ++kernel_row) {
    Vec<lanes> factors[taps] = {};
    unrolled<taps>([&](auto tap) RACELINE_LAMBDA {
      load<lanes>(factors[tap], filter + tap * lanes);
      keep<lanes>(factors[tap]);
    });
    const float* pixel = x;
    unrolled<(columns - 1) * stride + taps>([&](auto at) RACELINE_LAMBDA {
      if (!edge || (at >= block.inside && at < block.outside)) {
        Vec<lanes> input;
        load<lanes>(input, pixel);
        keep<lanes>(input);
        unrolled<taps>([&](auto tap) RACELINE_LAMBDA {
          constexpr int from = at - tap;
          if constexpr (from >= 0 && from % stride == 0 && from / stride < columns) {
            sums[from / stride] += input * factors[tap];
          }
        });
      }
      pixel += block.pixel_step;
    });
    x += block.row_step;
    filter += taps * lanes;
  }
  int64_t offset = 0;
  unrolled<columns>([&](auto column) RACELINE_LAMBDA {
    if (!edge || column < block.outputs) finish_depthwise<lanes>(block, offset, sums[column]);
    offset += block.pixel_step;
  });
}

/// One output of any kernel, by `taps` of each row that lie inside of the image, `step` apart.
template <int lanes>
RACELINE_INLINE void depthwise_output(const DepthwiseBlock& block, int64_t taps, int64_t step,
                                      int64_t filter_step, const Vec<lanes>& bias) {
  // Several sums, so that one multiply-add needn't wait for the one before.
  constexpr int chains = 4;
  Vec<lanes> sums[chains] = {bias};
  const auto add = [&](auto at, const float* x, const float* filter) RACELINE_LAMBDA {
    Vec<lanes> input, factor;
    load<lanes>(input, x);
    load<lanes>(factor, filter);
    sums[at] += input * factor;
  };
  for (int64_t kernel_row = 0; kernel_row < block.kernel_rows; ++kernel_row) {
    const float* x = block.x + kernel_row * block.row_step;
    const float* filter = block.filter + kernel_row * filter_step;
    int64_t tap = 0;
    for (; tap + chains <= taps; tap += chains) {
      unrolled<chains>([&](auto at) RACELINE_LAMBDA { add(at, x + at * step, filter + at * lanes); });
      x += chains * step;
      filter += chains * lanes;
    }
    unrolled<chains - 1>([&](auto at) RACELINE_LAMBDA {
      if (tap + at < taps) add(std::integral_constant<int, at + 1>{}, x + at * step, filter + at * lanes);
    });
  }
  sums[0] = (sums[0] + sums[1]) + (sums[2] + sums[3]);
  finish_depthwise<lanes>(block, 0, sums[0]);
}

/// Calls body(block, bias) for each vector of channels. `block` is that of channel 0 and of the filters of
/// vector 0.
template <int lanes, class Body>
RACELINE_INLINE void for_vectors(const DepthwiseRows& task, int64_t filter_step, const DepthwiseBlock& block,
                                 const Body& body) {
  DepthwiseBlock part = block;
  part.filter += task.vectors.first * filter_step;
  for (int64_t vector = task.vectors.first; vector < task.vectors.last; ++vector) {
    // The last vector overlaps the one before where channels don't fill it.
    const int64_t all = task.channels - lanes, next = vector * lanes;
    const int64_t channel = next < all ? next : all;
    Vec<lanes> bias = {};
    if (task.bias != nullptr) load<lanes>(bias, task.bias + channel);
    part.x = block.x + channel;
    part.y = block.y + channel;
    if (block.residual != nullptr) part.residual = block.residual + channel;
    body(part, bias);
    part.filter += filter_step;
  }
}

/// taps 0: a kernel, stride or dilation without a form of its own.
template <int lanes, int taps, int stride, int columns>
RACELINE_INLINE void depthwise_rows(const DepthwiseRows& rows) {
  const DepthwiseRows task = rows;  // copies, which no output can alias
  const Conv2dShape shape = *task.shape;
  const int64_t filter_step = shape.kernel_h * shape.kernel_w * lanes;
  DepthwiseBlock block{};
  block.pixel_step = task.pixel_step;
  block.row_step = shape.dilation_h * shape.width * task.pixel_step;
  block.low = task.low;
  block.high = task.high;
  for (int64_t out_row = task.rows.first; out_row < task.rows.last; ++out_row) {
    const int64_t top = out_row * shape.stride_h - shape.pad_top;
    const Slice kernel_rows = depthwise_taps(top, shape.kernel_h, shape.dilation_h, shape.height);
    block.kernel_rows = kernel_rows.size();
    const int64_t image_row = (top + kernel_rows.first * shape.dilation_h) * shape.width;
    const float* filter = task.filters + kernel_rows.first * shape.kernel_w * lanes;
    for (int64_t column = 0; column < shape.out_w; column += taps == 0 ? 1 : columns) {
      const int64_t left = column * shape.stride_w - shape.pad_left;
      const int64_t y = (out_row * shape.out_w + column) * task.pixel_step;
      block.x = task.x + (image_row + left) * task.pixel_step;
      block.filter = filter;
      block.y = task.y + y;
      if (task.residual != nullptr) block.residual = task.residual + y;
      block.inside = -left;
      block.outside = shape.width - left;
      block.outputs = shape.out_w - column;
      if constexpr (taps == 0) {
        const Slice some = depthwise_taps(left, shape.kernel_w, shape.dilation_w, shape.width);
        block.x += some.first * shape.dilation_w * task.pixel_step;
        block.filter += some.first * lanes;
        for_vectors<lanes>(task, filter_step, block,
                           [&](const DepthwiseBlock& part, const Vec<lanes>& bias) RACELINE_LAMBDA {
                             depthwise_output<lanes>(part, some.size(), shape.dilation_w * task.pixel_step,
                                                     shape.kernel_w * lanes, bias);
                           });
      } else if (left >= 0 && block.outside >= (columns - 1) * stride + taps && block.outputs >= columns) {
        for_vectors<lanes>(task, filter_step, block,
                           [&](const DepthwiseBlock& part, const Vec<lanes>& bias) RACELINE_LAMBDA {
                             depthwise_block<lanes, taps, stride, columns, false>(part, bias);
                           });
      } else {
        for_vectors<lanes>(task, filter_step, block,
                           [&](const DepthwiseBlock& part, const Vec<lanes>& bias) RACELINE_LAMBDA {
                             depthwise_block<lanes, taps, stride, columns, true>(part, bias);
                           });
      }
    }
  }
}

}  // namespace raceline
