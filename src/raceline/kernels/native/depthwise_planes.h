// Depthwise convolution of one channel in nchw: vectors run over output columns. Rows of the image are copied
// with zeros around them, which costs a load and a store for each vector of a 3x3 kernel's nine multiply-adds
// and leaves loops without borders; columns that belong to different remainders of the stride lie apart, so
// that neighbouring outputs read neighbouring inputs.
#pragma once
#include "raceline/kernels/native/depthwise.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// Fills the scratch with the input rows that the output rows [first, first + scratch.out_rows) read.
template <int lanes>
RACELINE_INLINE void fill_depthwise_scratch(const DepthwisePlane& task, const DepthwiseScratch& scratch,
                                            Slice rows) {
  const Conv2dShape& shape = *task.shape;
  const int64_t top = rows.first * shape.stride_h - shape.pad_top;
  const int64_t count = (rows.size() - 1) * shape.stride_h + (shape.kernel_h - 1) * shape.dilation_h + 1;
  for (int64_t at = 0; at < count; ++at) {
    float* to = task.scratch + at * scratch.row_step;
    const int64_t y = top + at;
    if (y < 0 || y >= shape.height) {
      for (int64_t i = 0; i < scratch.row_step; ++i) to[i] = 0;
      continue;
    }
    const float* from = task.x + y * shape.width;
    for (int64_t phase = 0; phase < shape.stride_w; ++phase, to += scratch.phase_step) {
      // Element i is column i * stride + phase - pad_left; the zeros before and behind were there.
      const int64_t before = shape.pad_left - phase;
      const int64_t first = before > 0 ? (before + shape.stride_w - 1) / shape.stride_w : 0;
      const int64_t column = first * shape.stride_w - before;
      int64_t last = column < shape.width ? first + (shape.width - column - 1) / shape.stride_w + 1 : first;
      if (last > scratch.phase_step) last = scratch.phase_step;
      const float* source = from + column;
      if (shape.stride_w == 1) {
        if (first < last) copy_floats<lanes>(source, to + first, last - first);
      } else if (shape.stride_w == 2) {
        for (int64_t i = first; i < last; ++i) to[i] = source[(i - first) * 2];
      } else {
        for (int64_t i = first; i < last; ++i) to[i] = source[(i - first) * shape.stride_w];
      }
    }
  }
}

/// Stores up to a vector of outputs.
template <int lanes>
RACELINE_INLINE void finish_plane(const DepthwisePlane& task, int64_t offset, int64_t used, Vec<lanes>& sum) {
  alignas(64) float some[lanes];
  if (task.residual != nullptr) {
    Vec<lanes> other = {};
    if (used < lanes) {
      for (float& value : some) value = 0;
      copy_floats<lanes>(task.residual + offset, some, used);
      load<lanes>(other, some);
    } else {
      load<lanes>(other, task.residual + offset);
    }
    sum += other;
  }
  bound<lanes>(sum, task.low, task.high);
  if (used < lanes) {
    store<lanes>(some, sum);
    copy_floats<lanes>(some, task.y + offset, used);
  } else {
    store<lanes>(task.y + offset, sum);
  }
}

/// A vector of columns of `rows` rows of outputs, by a square kernel; x is the scratch under the first.
template <int lanes, int taps, int stride, int rows>
RACELINE_INLINE void depthwise_columns_of_rows(const DepthwisePlane& task, const DepthwiseScratch& scratch,
                                               const float* x, int64_t offset, int64_t used) {
  Vec<lanes> sums[rows] = {};
  const Vec<lanes> bias = task.bias - Vec<lanes>{};
  unrolled<rows>([&](auto row) RACELINE_LAMBDA { sums[row] = bias; });
  unrolled<(rows - 1) * stride + taps>([&](auto at) RACELINE_LAMBDA {
    unrolled<taps>([&](auto tap) RACELINE_LAMBDA {
      Vec<lanes> input;
      load<lanes>(input, x + tap % stride * scratch.phase_step + tap / stride);
      unrolled<rows>([&](auto row) RACELINE_LAMBDA {
        constexpr int kernel_row = at - row * stride;
        if constexpr (kernel_row >= 0 && kernel_row < taps) {
          sums[row] += task.filter[kernel_row * taps + tap] * input;
        }
      });
    });
    x += scratch.row_step;
  });
  unrolled<rows>([&](auto row) RACELINE_LAMBDA {
    finish_plane<lanes>(task, offset + row * task.shape->out_w, used, sums[row]);
  });
}

/// The same of one row by any kernel.
template <int lanes>
RACELINE_INLINE void depthwise_columns_of_any(const DepthwisePlane& task, const DepthwiseScratch& scratch,
                                              const float* x, int64_t offset, int64_t used) {
  const Conv2dShape& shape = *task.shape;
  Vec<lanes> sum = task.bias - Vec<lanes>{};
  const float* filter = task.filter;
  for (int64_t kernel_row = 0; kernel_row < shape.kernel_h; ++kernel_row) {
    const float* row = x + kernel_row * shape.dilation_h * scratch.row_step;
    for (int64_t tap = 0; tap < shape.kernel_w; ++tap) {
      const int64_t column = tap * shape.dilation_w;
      Vec<lanes> input;
      load<lanes>(input, row + column % shape.stride_w * scratch.phase_step + column / shape.stride_w);
      sum += *filter++ * input;
    }
  }
  finish_plane<lanes>(task, offset, used, sum);
}

/// taps 0: a kernel, stride or dilation without a form of its own.
template <int lanes, int taps, int stride>
RACELINE_INLINE void depthwise_plane(const DepthwisePlane& task) {
  const Conv2dShape& shape = *task.shape;
  const DepthwiseScratch scratch = DepthwiseScratch::of(shape, lanes);
  for (int64_t first = task.rows.first; first < task.rows.last; first += scratch.out_rows) {
    const int64_t end = first + scratch.out_rows < task.rows.last ? first + scratch.out_rows : task.rows.last;
    fill_depthwise_scratch<lanes>(task, scratch, {first, end});
    constexpr int together = taps == 0 ? 1 : stride == 1 ? 4 : 2;
    for (int64_t row = first; row < end;) {
      const bool several = row + together <= end;
      const float* x = task.scratch + (row - first) * shape.stride_h * scratch.row_step;
      for (int64_t column = 0; column < shape.out_w; column += lanes) {
        const int64_t left = shape.out_w - column, used = left < lanes ? left : lanes;
        const int64_t offset = row * shape.out_w + column;
        if constexpr (taps == 0) {
          depthwise_columns_of_any<lanes>(task, scratch, x + column, offset, used);
        } else if (several) {
          depthwise_columns_of_rows<lanes, taps, stride, together>(task, scratch, x + column, offset, used);
        } else {
          depthwise_columns_of_rows<lanes, taps, stride, 1>(task, scratch, x + column, offset, used);
        }
      }
      row += several ? together : 1;
    }
  }
}

}  // namespace raceline
