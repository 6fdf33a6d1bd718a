#include "raceline/kernels/native/strassen_plan.h"

#include <algorithm>

namespace raceline {
namespace {

/// Bytes of the sums and tiles of a band: what the second-level cache holds beside filters, image and output.
constexpr int64_t band_bytes = 512 * 1024;

int64_t window(int64_t outputs, int64_t stride, int64_t kernel, int64_t dilation) {
  return (outputs - 1) * stride + (kernel - 1) * dilation + 1;
}

/// A 1x1 kernel without padding sees pixels that lie further apart, and nothing of those between.
void normalise(StrassenPlan& plan) {
  Conv2dShape& conv = plan.conv;
  plan.copied = plan.taps() > 1 || conv.pad_top != 0 || conv.pad_left != 0 ||
                (conv.out_h - 1) * conv.stride_h >= conv.height ||
                (conv.out_w - 1) * conv.stride_w >= conv.width;
  plan.flat = false;
  if (plan.copied) return;
  plan.flat = conv.stride_h == 1 && conv.stride_w == 1;
  plan.x.row_step *= conv.stride_h;
  plan.x.pixel_step *= conv.stride_w;
  conv.stride_h = conv.stride_w = 1;
  if (plan.flat) {
    conv.out_w *= conv.out_h;
    conv.out_h = 1;
  }
  conv.height = conv.out_h;
  conv.width = conv.out_w;
}

}  // namespace

StrassenPlan StrassenPlan::of(const LayerDesc& layer, Layout layout, int lanes, int threads) {
  StrassenPlan plan{};
  plan.conv = Conv2dShape::of(layer);
  plan.x = ImageForm::of(layer.inputs[0].desc.with(layout));
  plan.y = ImageForm::of(layer.outputs[0].with(layout));
  plan.lanes = lanes;
  normalise(plan);
  const Conv2dShape& conv = plan.conv;
  plan.channel_blocks = conv.channels / 2 / lanes;
  plan.filter_vectors = conv.filters / 2 / lanes;

  const int64_t length = plan.flat ? conv.out_w : conv.out_h, other = plan.flat ? 1 : conv.out_w;
  plan.near = plan.copied || plan.x.pixel_step == lanes;
  const int64_t quarters = (plan.near ? 4 : 7) + (plan.copied ? 4 : 0);
  const int64_t pixel_bytes =
      4 * lanes * (quarters * plan.channel_blocks * conv.stride_h * conv.stride_w + 2 * plan.filter_vectors);
  const int64_t fitting = std::max<int64_t>(1, band_bytes / (pixel_bytes * other));
  plan.bands = ceil_div(length, 2 * fitting);
  plan.parts = 1;
  if (threads > 1 && conv.images * plan.bands % threads != 0) {
    // Filters of more than the second-level cache are rather read by one thread each.
    if (plan.filter_blocks() >= threads && 7 * plan.matrix_elements() > 64 * 1024) {
      plan.parts = threads;
    } else {
      plan.bands = std::min(ceil_div(length, 2), ceil_div(plan.bands, threads) * threads);
    }
  }
  const int64_t half = ceil_div(ceil_div(length, plan.bands), 2);
  plan.half_rows = plan.flat ? 1 : half;
  plan.half_columns = plan.flat ? half : conv.out_w;
  plan.window_rows = window(plan.half_rows, conv.stride_h, conv.kernel_h, conv.dilation_h);
  plan.phases = conv.stride_w;
  plan.window_columns =
      ceil_div(window(plan.half_columns, conv.stride_w, conv.kernel_w, conv.dilation_w), plan.phases) *
      plan.phases;

  for (int64_t block = 0; block < plan.channel_blocks; ++block) {
    plan.offsets.push_back(plan.copied ? block * plan.quarter_step() : plan.x.vector_offset(block * lanes));
    for (int64_t row = 0; row < conv.kernel_h; ++row) {
      for (int64_t column = 0; column < conv.kernel_w; ++column) {
        const int64_t tap =
            (row * conv.dilation_h * plan.window_columns + plan.place(column * conv.dilation_w)) * lanes;
        plan.segments.push_back(block * plan.quarter_step() + tap);
        plan.near_segments.push_back(plan.offsets.back() + tap);
      }
    }
  }
  return plan;
}

StrassenPixels StrassenPlan::half(int64_t band, int half) const {
  const Slice all = slice_of(flat ? conv.out_w : conv.out_h, band, bands);
  const int64_t size = ceil_div(all.size(), 2);
  // What the halves of an odd number share is computed twice.
  const Slice some = half == 0 ? Slice{all.first, all.first + size} : Slice{all.last - size, all.last};
  return flat ? StrassenPixels{{0, 1}, some} : StrassenPixels{some, {0, conv.out_w}};
}

void pack_strassen_filters(const StrassenPlan& plan, const float* filters, float* packed) {
  const Conv2dShape& conv = plan.conv;
  const int64_t taps = plan.taps(), half_filters = conv.filters / 2, half_channels = conv.channels / 2;
  for (const StrassenStep& step : strassen_steps) {
    for (int64_t block = 0; block < plan.filter_blocks(); ++block) {
      const Slice vectors = plan.vectors_of(block);
      for (int64_t at = 0; at < half_channels * taps; ++at) {
        const int64_t tap = at / plan.lanes % taps;
        const int64_t channel = at / plan.lanes / taps * plan.lanes + at % plan.lanes;
        for (int64_t filter = vectors.first * plan.lanes; filter < vectors.last * plan.lanes; ++filter) {
          float sum = 0;
          for (int64_t quarter = 0; quarter < 4; ++quarter) {
            const int8_t sign = step.filters[static_cast<size_t>(quarter)];
            if (sign == 0) continue;
            const int64_t row = filter + quarter / 2 * half_filters;
            const int64_t column = channel + quarter % 2 * half_channels;
            sum += static_cast<float>(sign) * filters[(row * conv.channels + column) * taps + tap];
          }
          *packed++ = sum;
        }
      }
    }
  }
}

void copy_strassen_window(const StrassenPlan& plan, const float* image, const StrassenPixels& pixels,
                          float* to) {
  const Conv2dShape& conv = plan.conv;
  const int64_t lanes = plan.lanes;
  const int64_t top = pixels.rows.first * conv.stride_h - conv.pad_top;
  const int64_t left = pixels.columns.first * conv.stride_w - conv.pad_left;
  for (int64_t block = 0; block < 2 * plan.channel_blocks; ++block) {
    const float* plane = image + plan.x.vector_offset(block * lanes);
    for (int64_t row = top; row < top + plan.window_rows; ++row, to += plan.window_columns * lanes) {
      const float* from = plane + row * plan.x.row_step;
      for (int64_t column = 0; column < plan.window_columns; ++column) {
        float* pixel = to + plan.place(column) * lanes;
        if (row < 0 || row >= conv.height || left + column < 0 || left + column >= conv.width) {
          std::fill_n(pixel, lanes, 0.0f);
        } else {
          std::copy_n(from + (left + column) * plan.x.pixel_step, lanes, pixel);
        }
      }
    }
  }
}

}  // namespace raceline
