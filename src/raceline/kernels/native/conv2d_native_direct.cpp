// Direct conv2d: out[pixel][filter] is summed up in registers over all channels and taps, 14 pixels times 32
// filters with AVX-512. Nothing is lowered: each tap of the kernel is a shift of where the image is read.
// Bands of a padded image are copied with zeros around them; filters are packed once. It reads and writes the
// same layout, and for first layers of few channels also reads nchw and writes any other. It should
// win for first layers, for small images and where groups don't fill the blocks of other libraries.
// Limits: f32, constant filters, more than one channel or filter a group; in blocked layouts groups that fill
// blocks or divide them.
#include <algorithm>
#include <optional>

#include "raceline/kernels/common/conv2d_checks.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/direct.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// Vectors that a group's filters fill.
int lanes_for(const LayerDesc& layer, Layout output, int lanes) {
  const int64_t filters = layer.inputs[1].desc.shape[0] / layer.as<ConvParams>().group;
  const int64_t stored =
      layer.as<ConvParams>().group > 1 ? filters : std::max<int64_t>(filters, block_of(output));
  while (lanes > 4 && stored <= lanes / 2) lanes /= 2;
  return lanes;
}

DirectLoops loops_of(int lanes) {
  return lanes == 16 ? direct_loops<16>() : lanes == 8 ? direct_loops<8>() : direct_loops<4>();
}

class DirectKernel final : public Kernel {
 public:
  DirectKernel(const LayerDesc& layer, Layout input, Layout output, int lanes, const PrepareArgs& args)
      : threads_(std::max(1, args.threads)),
        plan_(DirectPlan::of(layer, input, output, lanes, threads_)),
        loops_(loops_of(lanes)),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, output) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    has_bias_ = operands > 2 && layer.inputs[2].present;
    const auto elements = static_cast<size_t>(plan_.conv.groups * plan_.packed_elements());
    filters_ = args.pack(1, elements * sizeof(float), [&](Memory to) {
      pack_direct_filters(plan_, args.constants[1].data<const float>(), reinterpret_cast<float*>(to.host()));
    });
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return filters_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const int threads = std::min(threads_, args.queue.threads());
    const int64_t units = plan_.conv.images * plan_.bands * plan_.parts;
    parallel_slices(threads, units, 1, 1, [&](Slice some, int thread) {
      float* scratch = reinterpret_cast<float*>(args.workspace.host()) + thread * plan_.band_elements;
      for (int64_t unit = some.first; unit < some.last; ++unit) {
        const int64_t part = unit % plan_.parts, band = unit / plan_.parts % plan_.bands;
        compute(args, unit / plan_.parts / plan_.bands, band, part, scratch);
      }
    });
    if (!fused_) epilogue_.apply_all(args.outputs[0].data<float>(), epilogue_.residual(args), threads);
    return Status::ok();
  }

 private:
  /// One block of filters at work.
  struct Filters {
    int64_t group, first, used, vectors;  ///< `first` counts those of all groups
    DirectBlock block;
    bool whole;  ///< vectors are stored as they are
  };

  const float* packed(int64_t group, Slice some) const {
    return filters_.data<float>() + group * plan_.packed_elements() + some.first * plan_.depth();
  }
  int64_t channel_step() const { return 4 * (plan_.source.channel_step == 0 ? plan_.source.block_step : 1); }

  Filters filters_of(const KernelArgs& args, int64_t item, float* bias) const {
    const Conv2dShape& conv = plan_.conv;
    const Slice some = plan_.filters_of(item % plan_.filter_blocks());
    Filters filters{};
    filters.group = item / plan_.filter_blocks();
    filters.first = filters.group * conv.filters + some.first;
    filters.vectors = some.size() / plan_.lanes;
    filters.used = std::clamp<int64_t>(conv.filters - some.first, 0, some.size());
    std::fill_n(bias, some.size(), 0.0f);
    if (has_bias_ && filters.used > 0)
      std::copy_n(args.inputs[2].data<const float>() + filters.first, filters.used, bias);
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    DirectBlock& work = filters.block;
    work.segments = plan_.segments.data();
    work.segment_count = static_cast<int64_t>(plan_.segments.size());
    work.length = plan_.length;
    work.whole_segments = plan_.whole_segments();
    work.last_length = plan_.conv.channels % plan_.length;
    work.channel_step = channel_step();
    work.pixel_step = 4 * plan_.reading_step();
    work.filters = packed(filters.group, some);
    work.bias = bias;
    work.y_step = 4 * plan_.y.pixel_step;
    work.low = last.low;
    work.high = last.high;
    filters.whole = fill_runs(filters);
    return filters;
  }

  /// Where vectors go, or halves of them; false when filters go one by one.
  bool fill_runs(Filters& filters) const {
    const ImageForm& y = plan_.y;
    if (y.channel_step == 0) return false;
    DirectBlock& work = filters.block;
    const bool blocked = y.block_step != 0;
    // Blocks are filled up with zeros; groups end where the next begin.
    const int64_t all = plan_.conv.groups * plan_.conv.filters;
    const int64_t stored =
        blocked && plan_.conv.groups == 1
            ? std::min(filters.vectors * plan_.lanes, (all + y.block - 1) / y.block * y.block - filters.first)
            : filters.used;
    work.halves = blocked && plan_.lanes > y.block;
    const int64_t step = work.halves ? y.block : plan_.lanes;
    work.run_count = (stored + step - 1) / step;
    work.last_used = work.halves ? plan_.lanes : stored - (filters.vectors - 1) * plan_.lanes;
    if (work.halves && stored % step != 0) return false;
    const int64_t begin = y.offset(0, filters.first, 0, 0);
    for (int64_t run = 0; run < work.run_count; ++run) {
      const int64_t filter = filters.first + run * step;
      if (blocked && filter % y.block + std::min(step, stored - run * step) > y.block) return false;
      work.runs[static_cast<size_t>(run)] = 4 * (y.offset(0, filter, 0, 0) - begin);
    }
    return true;
  }

  void compute(const KernelArgs& args, int64_t image, int64_t band, int64_t part, float* scratch) const {
    const Slice rows = plan_.rows_of(band);
    Place place{};
    place.rows = rows;
    place.columns = plan_.columns_of(band);
    place.x = args.inputs[0].data<const float>() + image * plan_.x.image_step;
    if (plan_.in_place) {
      place.x += rows.first * plan_.conv.stride_h * plan_.source.row_step;
    } else {
      copy_direct_band(plan_, place.x, rows, scratch);
      place.x = scratch;
    }
    place.y = args.outputs[0].data<float>() + image * plan_.y.image_step;
    if (fused_ && fused_->adds) place.residual = epilogue_.residual(args) + image * plan_.y.image_step;
    const Slice items = slice_of(plan_.conv.groups * plan_.filter_blocks(), part, plan_.parts);
    for (int64_t item = items.first; item < items.last; ++item) {
      if (plan_.by_planes) {
        compute_planes(args, place, item);
      } else {
        compute_blocks(args, place, item, item + 1 < items.last);
      }
    }
  }

  /// A band of an image: rows and columns of the output, and the first row that it reads.
  struct Place {
    Slice rows, columns;
    const float* x;
    float* y;
    const float* residual;
  };

  /// next: others follow, whose filters come while these are computed with.
  void compute_blocks(const KernelArgs& args, const Place& place, int64_t item, bool next) const {
    alignas(64) float bias[2 * 16];
    alignas(64) float sums[DirectLoops::most_pixels * 2 * 16];
    Filters filters = filters_of(args, item, bias);
    DirectBlock& work = filters.block;
    if (!filters.whole) work.tile = sums;
    const int64_t most = direct_pixels(plan_.lanes), cuts = (place.columns.size() + most - 1) / most;
    const auto& blocks = loops_.blocks[static_cast<size_t>(filters.vectors - 1)];
    const float* line = place.x + plan_.group_offset(filters.group);
    const int64_t begin = plan_.y.offset(0, filters.first, 0, 0);
    if (next) work.next = work.filters + filters.vectors * plan_.lanes * plan_.depth();
    for (int64_t row = place.rows.first; row < place.rows.last; ++row) {
      for (int64_t cut = 0; cut < cuts; cut += work.count) {
        const Slice some = slice_of(place.columns.size(), cut, cuts);
        const int64_t column = place.columns.first + some.first;
        const int64_t offset = begin + row * plan_.y.row_step + column * plan_.y.pixel_step;
        work.x = line + column * plan_.reading_step();
        work.y = place.y + offset;
        work.residual = place.residual == nullptr ? nullptr : place.residual + offset;
        // Neighbours of equal size together.
        work.count = 1;
        while (filters.whole && cut + work.count < cuts &&
               slice_of(place.columns.size(), cut + work.count, cuts).size() == some.size()) {
          ++work.count;
        }
        work.index = (row - place.rows.first) * cuts + cut;
        blocks[static_cast<size_t>(some.size() - 1)](work);
        if (!filters.whole) finish(filters, some.size(), place.y, place.residual, row, column);
      }
      line += plan_.conv.stride_h * plan_.source.row_step;
    }
  }

  void compute_planes(const KernelArgs& args, const Place& place, int64_t item) const {
    const int64_t group = item / plan_.filter_blocks();
    const Slice some = plan_.filters_of(item % plan_.filter_blocks());
    const int64_t first = group * plan_.conv.filters + some.first;
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    DirectPlaneRow work{};
    work.segments = plan_.segments.data();
    work.segment_count = static_cast<int64_t>(plan_.segments.size());
    work.length = plan_.length;
    work.channel_step = channel_step();
    work.filters = packed(group, some);
    work.bias = has_bias_ ? args.inputs[2].data<const float>() + first : nullptr;
    work.filter_step = 4 * plan_.y.block_step;
    work.pixels = place.columns.size();
    work.low = last.low;
    work.high = last.high;
    const float* line = place.x + plan_.group_offset(group) + place.columns.first * plan_.reading_step();
    for (int64_t row = place.rows.first; row < place.rows.last; ++row) {
      const int64_t offset = plan_.y.offset(0, first, row, place.columns.first);
      work.x = line;
      work.y = place.y + offset;
      work.residual = place.residual == nullptr ? nullptr : place.residual + offset;
      loops_.planes[static_cast<size_t>(some.size() - 1)](work);
      line += plan_.conv.stride_h * plan_.source.row_step;
    }
  }

  /// Sums of filters that fill no vector, or of nchw.
  void finish(const Filters& filters, int64_t pixels, float* y, const float* residual, int64_t row,
              int64_t column) const {
    const ImageForm& form = plan_.y;
    DirectTile tile{};
    tile.pixels = pixels;
    tile.width = filters.vectors * plan_.lanes;
    tile.pixel_step = form.pixel_step;
    tile.filter_step = form.channel_step == 0 ? form.block_step : 1;
    tile.low = filters.block.low;
    tile.high = filters.block.high;
    const bool padded = form.channel_step != 0 && form.block_step != 0 && plan_.conv.groups == 1;
    int64_t stored = filters.used;
    if (padded) {
      const int64_t all = (plan_.conv.filters + form.block - 1) / form.block * form.block;
      stored = std::min(tile.width, all - filters.first);
    }
    for (int64_t at = 0; at < stored;) {
      const int64_t filter = filters.first + at;
      tile.filters = stored - at;
      if (form.channel_step != 0 && form.block_step != 0)
        tile.filters = std::min(tile.filters, form.block - filter % form.block);
      const int64_t offset = form.offset(0, filter, row, column);
      tile.sums = filters.block.tile + at;
      tile.y = y + offset;
      tile.residual = residual == nullptr ? nullptr : residual + offset;
      loops_.finish(tile);
      at += tile.filters;
    }
  }

  int threads_;
  DirectPlan plan_;
  DirectLoops loops_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  PackedBytes filters_;
  bool has_bias_ = false;
};

class DirectPrimitive final : public Primitive {
 public:
  DirectPrimitive(Layout input, Layout output, Isa most)
      : Primitive(native_info(OpKind::conv2d, "direct", input, output)),
        lanes_(lanes_of(std::min(most, best_isa()))) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_conv2d_operands(layer, info().input, true); !operands) return operands;
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.depth() * shape.filters * shape.pixels() == 0) return Support::no("nothing to compute");
    if (shape.groups > 1 && shape.channels == 1 && shape.filters == 1)
      return Support::no("not for depthwise convolution");
    if (info().input != info().output && shape.channels * shape.groups > 4)
      return Support::no("changes the layout of first layers only, of up to four channels");
    const auto fits = [&](Layout layout, int64_t extent) {
      const int block = block_of(layout);
      return shape.groups == 1 || extent % block == 0 ||
             (block % extent == 0 && shape.groups * extent % block == 0);
    };
    if (!fits(info().input, shape.channels) || !fits(info().output, shape.filters))
      return Support::no(fmt::format("groups that neither fill nor divide blocks of {}",
                                     std::max(block_of(info().input), block_of(info().output))));
    return Epilogue::supports(layer, info().output);
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    LayerLayouts layouts = layouts_of_rank_4(layer, info().input, info().output);
    if (layer.has_residual()) layouts.inputs[layer.residual()] = info().output;
    return layouts;
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const int team = std::max(1, threads);
    const DirectPlan plan =
        DirectPlan::of(layer, info().input, info().output, lanes_for(layer, info().output, lanes_), team);
    return static_cast<size_t>(plan.band_elements * team) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    const int lanes = lanes_for(layer, info().output, lanes_);
    return std::make_unique<DirectKernel>(layer, info().input, info().output, lanes, args);
  }

 private:
  int lanes_;
};

}  // namespace

std::unique_ptr<Primitive> make_direct(Layout input, Layout output, Isa most) {
  return std::make_unique<DirectPrimitive>(input, output, most);
}

void register_conv2d_native_direct(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(make_direct(layout, layout, Isa::avx512));
  for (const Layout output : {Layout::nhwc, Layout::nchw8c, Layout::nchw16c})
    registry.add(make_direct(Layout::nchw, output, Isa::avx512));
}

}  // namespace raceline
