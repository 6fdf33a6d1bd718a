// Direct conv2d whose sums over channels are a matrix product by Strassen: pixels, channels and filters are
// halved, and seven products of sums of the quarters give what eight products of the quarters do. The sums of
// filters are packed, those of the image made a band at a time, and what is added behind the products is
// added while they are in registers. Source: Strassen, Gaussian Elimination is not Optimal, 1969, in
// Winograd's form with 15 additions; that additions cost little when they are part of packing and of the
// innermost loops: Huang et al., Strassen's Algorithm Reloaded, 2016. It should win for 1x1 kernels with many
// channels and filters, which nothing else computes with fewer products than the definition. Limits: f32,
// constant filters, one group, channels and filters whose halves are whole vectors; rounding errors are
// larger than those of a direct convolution.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "raceline/kernels/common/conv2d_checks.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/strassen.h"
#include "raceline/kernels/native/strassen_plan.h"

namespace raceline {
namespace {

/// Three times the largest error of 60 random layers, which tests/kernels/strassen_test.cpp prints.
constexpr double strassen_error_bound = 1.2e-5;

StrassenLoops loops_of(int lanes) {
  return lanes == 16 ? strassen_loops<16>() : lanes == 8 ? strassen_loops<8>() : strassen_loops<4>();
}

class StrassenKernel final : public Kernel {
 public:
  StrassenKernel(const LayerDesc& layer, Layout layout, int lanes, const PrepareArgs& args)
      : threads_(std::max(1, args.threads)),
        plan_(StrassenPlan::of(layer, layout, lanes, threads_)),
        loops_(loops_of(lanes)),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, layout) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    has_bias_ = operands > 2 && layer.inputs[2].present;
    const auto elements = static_cast<size_t>(7 * plan_.matrix_elements());
    filters_ = args.pack(1, elements * sizeof(float), [&](Memory to) {
      pack_strassen_filters(plan_, args.constants[1].data<const float>(),
                            reinterpret_cast<float*>(to.host()));
    });
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return filters_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const int threads = std::min(threads_, args.queue.threads());
    const int64_t units = plan_.conv.images * plan_.bands * plan_.parts;
    parallel_slices(threads, units, 1, 1, [&](Slice some, int thread) {
      float* scratch = reinterpret_cast<float*>(args.workspace.host()) + thread * plan_.scratch_elements();
      for (int64_t unit = some.first; unit < some.last; ++unit) {
        const int64_t part = unit % plan_.parts, band = unit / plan_.parts;
        compute(args, band / plan_.bands, band % plan_.bands, part, scratch);
      }
    });
    if (!fused_) epilogue_.apply_all(args.outputs[0].data<float>(), epilogue_.residual(args), threads);
    return Status::ok();
  }

 private:
  /// A band of an image at work.
  struct Band {
    std::array<StrassenPixels, 2> halves;
    std::array<const float*, 4> quarters;  ///< of the image: (half of channels, half of pixels)
    int64_t row_step, pixel_step;          ///< of the quarters
    float* factors;
    std::array<float*, 2> tiles;
    const float* bias;
    float* y;
    const float* residual;
  };

  void compute(const KernelArgs& args, int64_t image, int64_t index, int64_t part, float* scratch) const {
    Band band{};
    band.factors = scratch;
    scratch += plan_.factor_elements();
    for (float*& tiles : band.tiles) {
      tiles = scratch;
      scratch += plan_.tile_elements();
    }
    const float* x = args.inputs[0].data<const float>() + image * plan_.x.image_step;
    band.row_step = plan_.copied ? plan_.window_columns * plan_.lanes : plan_.x.row_step;
    band.pixel_step = plan_.copied ? plan_.lanes : plan_.x.pixel_step;
    for (int half = 0; half < 2; ++half) {
      const StrassenPixels& pixels = band.halves[static_cast<size_t>(half)] = plan_.half(index, half);
      const float* first =
          x + pixels.rows.first * plan_.x.row_step + pixels.columns.first * plan_.x.pixel_step;
      int64_t second = plan_.x.vector_offset(plan_.conv.channels / 2);
      if (plan_.copied) {
        copy_strassen_window(plan_, x, pixels, scratch);
        first = scratch;
        second = plan_.quarter_elements();
        scratch += 2 * second;
      }
      band.quarters[static_cast<size_t>(half)] = first;
      band.quarters[static_cast<size_t>(half) + 2] = first + second;
    }
    if (has_bias_) band.bias = args.inputs[2].data<const float>();
    band.y = args.outputs[0].data<float>() + image * plan_.y.image_step;
    if (fused_ && fused_->adds) band.residual = epilogue_.residual(args) + image * plan_.y.image_step;
    add_quarters(band);
    for (size_t step = 0; step < strassen_steps.size(); ++step) multiply(band, step, part);
  }

  void add_quarters(const Band& band) const {
    StrassenSums sums{};
    sums.q00 = band.quarters[0];
    sums.q01 = band.quarters[1];
    sums.q10 = band.quarters[2];
    sums.q11 = band.quarters[3];
    sums.blocks = plan_.channel_blocks;
    sums.rows = plan_.copied ? plan_.window_rows : band.halves[0].rows.size();
    sums.pixels = plan_.copied ? plan_.window_columns : band.halves[0].columns.size();
    sums.offsets = plan_.offsets.data();
    sums.row_step = band.row_step;
    sums.pixel_step = band.pixel_step;
    sums.to = band.factors;
    sums.factor_step = plan_.quarter_elements();
    sums.block_step = plan_.quarter_step();
    sums.copies = !plan_.near;
    loops_.sums(sums);
  }

  void multiply(const Band& band, size_t index, int64_t part) const {
    const StrassenStep& step = strassen_steps[index];
    StrassenBlock work{};
    work.segment_count = static_cast<int64_t>(plan_.segments.size());
    const float* x = band.factors + static_cast<int64_t>(step.image) * plan_.quarter_elements();
    int64_t row_step = plan_.window_columns * plan_.lanes;
    work.segments = plan_.segments.data();
    if (plan_.near && step.image >= StrassenFactor::q00) {
      x = band.quarters[step.image == StrassenFactor::q00 ? 0 : step.image == StrassenFactor::q10 ? 2 : 3];
      row_step = band.row_step;
      work.segments = plan_.near_segments.data();
    }
    row_step *= plan_.conv.stride_h;
    const StrassenPixels& pixels = band.halves[static_cast<size_t>(step.pixel_half)];
    const int64_t rows = pixels.rows.size(), columns = pixels.columns.size();
    const int64_t cuts = ceil_div(columns, strassen_pixels(plan_.lanes));
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    work.low = last.low;
    work.high = last.high;
    work.y_step = plan_.y.pixel_step;
    alignas(64) float bias[2 * 16] = {};
    const Slice blocks = slice_of(plan_.filter_blocks(), part, plan_.parts);
    for (int64_t block = blocks.first; block < blocks.last; ++block) {
      const Slice vectors = plan_.vectors_of(block);
      const int64_t filter = step.filter_half * plan_.conv.filters / 2 + vectors.first * plan_.lanes;
      const int64_t width = vectors.size() * plan_.lanes;
      work.filters = filters_.data<float>() + static_cast<int64_t>(index) * plan_.matrix_elements() +
                     vectors.first * plan_.lanes * plan_.depth();
      if (band.bias != nullptr) std::copy_n(band.bias + filter, width, bias);
      work.bias = bias;
      const int64_t begin = plan_.y.vector_offset(filter);
      work.runs = {0, plan_.y.vector_offset(filter + width - plan_.lanes) - begin};
      const auto& loops = loops_.blocks[static_cast<size_t>(vectors.size() - 1)];
      // The next filters come while the first tiles are computed.
      const float* const next = work.filters + width * plan_.depth();
      int64_t tile = vectors.first * plan_.lanes * rows * columns;
      for (int64_t row = 0; row < rows; ++row) {
        for (int64_t cut = 0; cut < cuts; ++cut) {
          const Slice some = slice_of(columns, cut, cuts);
          work.x = x + row * row_step + some.first * plan_.lanes;
          work.from = tile_of(band, step.from, tile);
          work.to = tile_of(band, step.to, tile);
          work.other = tile_of(band, step.other, tile);
          tile += some.size() * width;
          if (work.other != nullptr) {
            const int64_t offset = begin + (pixels.rows.first + row) * plan_.y.row_step +
                                   (pixels.columns.first + some.first) * plan_.y.pixel_step;
            work.y = band.y + offset;
            if (band.residual != nullptr) work.residual = band.residual + offset;
          }
          const int64_t at = row * cuts + cut;
          work.ahead = Prefetch::part(next, width, plan_.depth(), at);
          loops[static_cast<size_t>(some.size() - 1)](work);
        }
      }
    }
  }

  static float* tile_of(const Band& band, StrassenStep::Tiles tiles, int64_t offset) {
    return tiles == StrassenStep::Tiles::none ? nullptr : band.tiles[static_cast<size_t>(tiles)] + offset;
  }

  int threads_;
  StrassenPlan plan_;
  StrassenLoops loops_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  PackedBytes filters_;
  bool has_bias_ = false;
};

class StrassenPrimitive final : public Primitive {
 public:
  StrassenPrimitive(Layout layout, Isa most)
      : Primitive(native_info(OpKind::conv2d, "strassen", layout, layout)),
        lanes_(std::min(lanes_of(std::min(most, best_isa())), layout == Layout::nchw8c ? 8 : 16)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_conv2d_operands(layer, info().input, true); !operands) return operands;
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.depth() * shape.filters * shape.pixels() * shape.images == 0)
      return Support::no("nothing to compute");
    if (shape.groups > 1) return Support::no("one group only");
    if (shape.channels % (2 * lanes_) != 0 || shape.filters % (2 * lanes_) != 0)
      return Support::no(fmt::format("channels and filters in multiples of {} only", 2 * lanes_));
    return Epilogue::supports(layer, info().output);
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }
  std::optional<double> error_bound(const LayerDesc&) const override { return strassen_error_bound; }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const int team = std::max(1, threads);
    const StrassenPlan plan = StrassenPlan::of(layer, info().input, lanes_, team);
    return static_cast<size_t>(plan.scratch_elements() * team) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<StrassenKernel>(layer, info().input, lanes_, args);
  }

 private:
  int lanes_;
};

}  // namespace

std::unique_ptr<Primitive> make_strassen(Layout layout, Isa most) {
  return std::make_unique<StrassenPrimitive>(layout, most);
}

void register_conv2d_native_strassen(PrimitiveRegistry& registry) {
  for (const Layout layout : {Layout::nhwc, Layout::nchw8c, Layout::nchw16c})
    registry.add(make_strassen(layout, Isa::avx512));
}

}  // namespace raceline
