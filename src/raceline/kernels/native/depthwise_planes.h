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
  const Conv2dShape shape = *task.shape;
  const int64_t top = rows.first * shape.stride_h - shape.pad_top;
  const int64_t count = (rows.size() - 1) * shape.stride_h + (shape.kernel_h - 1) * shape.dilation_h + 1;
  const Slice inside = depthwise_taps(top, count, 1, shape.height);
  for (int64_t at = 0; at < count; ++at) {
    if (at >= inside.first && at < inside.last) continue;
    float* to = task.scratch + at * scratch.row_step;
    for (int64_t i = 0; i < scratch.row_step; ++i) to[i] = 0;
  }
  for (int64_t phase = 0; phase < shape.stride_w; ++phase) {
    // Element i is column i * stride + phase - pad_left; the zeros before and behind were there.
    const Slice some =
        depthwise_taps(phase - shape.pad_left, scratch.phase_step, shape.stride_w, shape.width);
    const int64_t size = some.size();
    const float* from =
        task.x + (top + inside.first) * shape.width + some.first * shape.stride_w + phase - shape.pad_left;
    float* to = task.scratch + inside.first * scratch.row_step + phase * scratch.phase_step + some.first;
    for (int64_t at = inside.first; at < inside.last && size > 0; ++at) {
      if (shape.stride_w == 1) {
        copy_floats<lanes>(from, to, size);
      } else if (shape.stride_w == 2) {
        for (int64_t i = 0; i < size; ++i) to[i] = from[i * 2];
      } else {
        for (int64_t i = 0; i < size; ++i) to[i] = from[i * shape.stride_w];
      }
      from += shape.width;
      to += scratch.row_step;
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
RACELINE_INLINE void depthwise_plane(const DepthwisePlane& plane) {
  DepthwisePlane task = plane;  // copies, which no output can alias
  const Conv2dShape shape = *plane.shape;
  task.shape = &shape;
  float factors[taps == 0 ? 1 : taps * taps];
  if constexpr (taps > 0) {
    unrolled<taps * taps>([&](auto tap) RACELINE_LAMBDA { factors[tap] = plane.filter[tap]; });
    task.filter = factors;
  }
  const DepthwiseScratch scratch = *plane.form;
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
