#include "raceline/kernels/native/direct_plan.h"

#include <algorithm>

#include "raceline/kernels/native/direct.h"

namespace raceline {
namespace {

/// Bytes of a band: what the second-level cache holds beside the filters.
constexpr int64_t band_bytes = 320 * 1024;

/// Whether no tap of any output lies outside of the image.
bool is_inside(const Conv2dShape& conv) {
  return conv.pad_top == 0 && conv.pad_left == 0 &&
         (conv.out_h - 1) * conv.stride_h + (conv.kernel_h - 1) * conv.dilation_h < conv.height &&
         (conv.out_w - 1) * conv.stride_w + (conv.kernel_w - 1) * conv.dilation_w < conv.width;
}

/// Which way round a plane is computed. Blocks of pixels times vectors of filters fit any row, but their sums
/// must be transposed; vectors of pixels leave a part of the last one of a row unused. In cycles of a block
/// of 14 x 2 vectors, as measured.
bool prefers_planes(const DirectPlan& plan) {
  const Conv2dShape& conv = plan.conv;
  if (conv.out_w < plan.lanes || (conv.stride_w > 1 && conv.kernel_w < conv.stride_w)) return false;
  const double loop = 14.0 * static_cast<double>(conv.channels * conv.kernel_h * conv.kernel_w);
  const double computed = static_cast<double>(ceil_div(conv.out_w, plan.lanes) * plan.lanes);
  const double vectors = static_cast<double>(plan.filter_vectors * plan.lanes);
  return (loop + 60) * computed / static_cast<double>(conv.out_w) <
         (loop + 260) * vectors / static_cast<double>(conv.filters);
}

/// Cuts images so that a band stays in the second-level cache and that all threads have work.
void cut(DirectPlan& plan, int threads) {
  const Conv2dShape& conv = plan.conv;
  const int64_t stored = plan.planes * plan.source.pixel_step;
  if (plan.flat) {
    const int64_t pixels = std::max<int64_t>(2 * plan.lanes, band_bytes / 4 / stored);
    plan.bands = ceil_div(conv.out_w, pixels);
  } else {
    const int64_t row = plan.padded_width * stored;
    const int64_t fitting = (band_bytes / 4 / row - plan.input_rows(1)) / conv.stride_h + 1;
    plan.bands = ceil_div(conv.out_h, std::clamp<int64_t>(fitting, 1, conv.out_h));
  }
  plan.parts = 1;
  if (threads <= 1) return;
  const int64_t most = plan.flat ? std::max<int64_t>(1, conv.out_w / (2 * plan.lanes)) : conv.out_h;
  const int64_t units = conv.images * plan.bands;
  if (units >= 4 * threads) return;
  // Filters of more than the second-level cache are rather read by one thread each.
  const int64_t filter_blocks = conv.groups * plan.filter_blocks();
  const bool shares_filters = filter_blocks >= threads && plan.packed_elements() * conv.groups > 64 * 1024;
  if (shares_filters && conv.images % threads != 0) {
    plan.parts = threads;
  } else {
    plan.bands = std::min(most, ceil_div(plan.bands, threads) * threads);
  }
}

}  // namespace

int64_t DirectPlan::filter_blocks() const {
  return by_planes ? ceil_div(conv.filters, direct_pixels(lanes)) : ceil_div(filter_vectors, 2);
}

Slice DirectPlan::filters_of(int64_t block) const {
  if (by_planes) return slice_of(conv.filters, block, filter_blocks());
  return {2 * block * lanes, std::min(2 * (block + 1), filter_vectors) * lanes};
}

DirectPlan DirectPlan::of(const LayerDesc& layer, Layout input, Layout output, int lanes, int threads) {
  DirectPlan plan{};
  plan.conv = Conv2dShape::of(layer);
  plan.x = ImageForm::of(layer.inputs[0].desc.with(input));
  plan.y = ImageForm::of(layer.outputs[0].with(output));
  plan.lanes = lanes;
  Conv2dShape& conv = plan.conv;
  plan.flat = conv.is_pointwise;
  if (plan.flat) {
    conv.width = conv.out_w = conv.height * conv.width;
    conv.height = conv.out_h = 1;
    plan.x.row_step = plan.x.row_step / std::max<int64_t>(1, layer.inputs[0].desc.shape[3]) * conv.width;
    plan.y.row_step = plan.y.row_step / std::max<int64_t>(1, layer.outputs[0].shape[3]) * conv.out_w;
  }
  plan.source = plan.x;
  plan.planes = input == Layout::nhwc ? 1 : ceil_div(conv.groups * conv.channels, plan.x.block);
  // All stored channels of the output are written, the padded ones too.
  const int64_t block = conv.groups == 1 ? block_of(output) : 1;
  plan.filter_vectors = ceil_div(ceil_div(conv.filters, block) * block, lanes);
  plan.by_planes = input == Layout::nchw && output == Layout::nchw && prefers_planes(plan);
  plan.phases = plan.by_planes ? conv.stride_w : 1;
  plan.in_place = is_inside(conv) && plan.phases == 1;
  plan.padded_width = conv.width;
  if (!plan.in_place) {
    const int64_t reach = (conv.out_w - 1) * conv.stride_w + (conv.kernel_w - 1) * conv.dilation_w + 1;
    plan.padded_width = ceil_div(reach, plan.phases) * plan.phases;
  }
  plan.length = input == Layout::nchw ? conv.channels : std::min(conv.channels, plan.x.block);
  const int64_t runs = input == Layout::nchw ? 1 : ceil_div(conv.channels, plan.length);
  plan.segments.resize(static_cast<size_t>(runs * conv.kernel_h * conv.kernel_w));
  cut(plan, threads);
  if (!plan.in_place) {
    const int64_t rows = plan.input_rows(plan.rows_of(0).size());
    plan.source.row_step = plan.padded_width * plan.source.pixel_step;
    if (plan.source.block_step != 0) plan.source.block_step = rows * plan.source.row_step;
    plan.band_elements = plan.planes * rows * plan.padded_width * plan.source.pixel_step;
  }
  size_t at = 0;
  for (int64_t run = 0; run < runs; ++run) {
    for (int64_t row = 0; row < conv.kernel_h; ++row) {
      for (int64_t column = 0; column < conv.kernel_w; ++column) {
        const int64_t shift = column * conv.dilation_w;
        const int64_t phase = shift % plan.phases * (plan.padded_width / plan.phases);
        plan.segments[at++] =
            4 * (run * plan.source.block_step + row * conv.dilation_h * plan.source.row_step + phase +
                 shift / plan.phases * plan.source.pixel_step);
      }
    }
  }
  return plan;
}

void pack_direct_filters(const DirectPlan& plan, const float* filters, float* packed) {
  const Conv2dShape& conv = plan.conv;
  const int64_t taps = conv.kernel_h * conv.kernel_w;
  const int64_t runs = static_cast<int64_t>(plan.segments.size()) / taps;
  for (int64_t group = 0; group < conv.groups; ++group) {
    for (int64_t block = 0; block < plan.filter_blocks(); ++block) {
      const Slice some = plan.filters_of(block);
      for (int64_t segment = 0; segment < runs * taps; ++segment) {
        const int64_t first = segment / taps * plan.length;
        for (int64_t channel = first; channel < std::min(first + plan.length, conv.channels); ++channel) {
          for (int64_t filter = some.first; filter < some.last; ++filter) {
            const int64_t at = (group * conv.filters + filter) * conv.channels + channel;
            *packed++ = filter < conv.filters ? filters[at * taps + segment % taps] : 0.0f;
          }
        }
      }
    }
  }
}

namespace {

/// Columns `inside` of a padded row, which come from `row`, sorted by their remainder by `phases`.
void part_row(const float* row, Slice inside, int64_t phase_width, int64_t phases, float* to) {
  for (int64_t phase = 0; phase < phases; ++phase, to += phase_width) {
    const int64_t first = std::min(phase_width, ceil_div(std::max<int64_t>(0, inside.first - phase), phases));
    const int64_t last = std::clamp(ceil_div(inside.last - phase, phases), first, phase_width);
    const float* from = row + first * phases + phase - inside.first;
    std::fill_n(to, first, 0.0f);
    vectorised([=]() RACELINE_LAMBDA {
      if (phases == 2) {
        for (int64_t at = first; at < last; ++at) to[at] = from[(at - first) * 2];
      } else {
        for (int64_t at = first; at < last; ++at) to[at] = from[(at - first) * phases];
      }
    });
    std::fill(to + last, to + phase_width, 0.0f);
  }
}

}  // namespace

void copy_direct_band(const DirectPlan& plan, const float* image, Slice out_rows, float* band) {
  const Conv2dShape& conv = plan.conv;
  const int64_t pixel = plan.source.pixel_step, row_floats = plan.padded_width * pixel;
  const int64_t top = out_rows.first * conv.stride_h - conv.pad_top;
  const int64_t rows = plan.input_rows(out_rows.size());
  // Columns of the image that are in the band.
  const int64_t first = std::min(conv.pad_left, plan.padded_width);
  const int64_t last = std::clamp(conv.pad_left + conv.width, first, plan.padded_width);
  for (int64_t plane = 0; plane < plan.planes; ++plane) {
    const float* from = image + plane * plan.x.block_step;
    float* to = band + plane * plan.source.block_step;
    for (int64_t y = top; y < top + rows; ++y, to += row_floats) {
      if (y < 0 || y >= conv.height) {
        std::fill_n(to, row_floats, 0.0f);
        continue;
      }
      const float* row = from + y * plan.x.row_step;
      if (plan.phases > 1) {
        part_row(row, {first, last}, plan.padded_width / plan.phases, plan.phases, to);
        continue;
      }
      std::fill_n(to, first * pixel, 0.0f);
      std::copy_n(row, (last - first) * pixel, to + first * pixel);
      std::fill(to + last * pixel, to + row_floats, 0.0f);
    }
  }
}

}  // namespace raceline
