// Depthwise conv2d in every layout. In nhwc, nchw8c and nchw16c vectors run over channels and a block of
// output columns stays in registers; in nchw vectors run over columns of rows that are copied with zeros
// around them. 3x3, 5x5 and 7x7 kernels of stride 1 and 2 have forms of their own, all others a general one.
// It should win in nchw, where libraries lower each channel to a matrix, and for small images. Limits: f32,
// one filter a channel; constant filters but in nchw; four channels or more in nhwc.
#include <array>
#include <optional>

#include "raceline/kernels/common/conv2d_checks.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/depthwise.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

int64_t parts(int64_t whole, int64_t part) {
  return (whole + part - 1) / part;
}

DepthwiseLoops loops_of(const Conv2dShape& shape, int lanes) {
  return lanes == 16  ? depthwise_loops<16>(shape)
         : lanes == 8 ? depthwise_loops<8>(shape)
                      : depthwise_loops<4>(shape);
}

/// Vectors that a layer fills: of channels, or in nchw of output columns.
int lanes_for(const Conv2dShape& shape, Layout layout, int lanes) {
  const int64_t extent = layout == Layout::nchw ? shape.out_w : shape.groups;
  if (block_of(layout) > 1) return std::min(lanes, block_of(layout));
  while (lanes > 4 && (layout == Layout::nchw ? extent <= lanes / 2 : extent < lanes)) lanes /= 2;
  return lanes;
}

class DepthwiseKernel final : public Kernel {
 public:
  DepthwiseKernel(const LayerDesc& layer, Layout layout, int lanes, const PrepareArgs& args)
      : shape_(Conv2dShape::of(layer)),
        lanes_(lanes_for(shape_, layout, lanes)),
        loops_(loops_of(shape_, lanes_)),
        form_(ChannelForm::of(layer.outputs[0].with(layout))),
        scratch_(DepthwiseScratch::of(shape_, lanes_)),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, layout),
        is_plane_(layout == Layout::nchw) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    has_bias_ = operands > 2 && layer.inputs[2].present;
    if (!is_plane_) pack(args);
  }

  bool reads_constant(size_t operand) const override { return is_plane_ || operand != 1; }
  size_t packed_bytes() const override { return filters_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const int threads = args.queue.threads();
    const int64_t planes = form_.images * form_.outer;
    // A few rows of many channels: the channels are cut too.
    const int64_t vectors = parts(form_.inner, lanes_);
    const bool few = !is_plane_ && threads > 1 && planes * shape_.out_h < 4 * threads;
    const int64_t cuts = few ? std::min<int64_t>(vectors, 4 * threads) : 1;
    const int64_t work = std::max<int64_t>(
        1, shape_.out_w * shape_.kernel_h * shape_.kernel_w * form_.inner / std::max<int64_t>(1, cuts));
    const bool finishes = !fused_ && cuts == 1;
    parallel_slices(threads, planes * cuts * shape_.out_h, 1, 65536 / work, [&](Slice slice, int thread) {
      float* scratch = nullptr;
      if (is_plane_) {
        scratch = reinterpret_cast<float*>(args.workspace.host()) + thread * scratch_.elements();
        std::fill_n(scratch, scratch_.elements(), 0.0f);
      }
      // Other epilogues follow while the rows are in the first-level cache.
      const int64_t most =
          finishes ? std::max<int64_t>(1, 4096 / (shape_.out_w * form_.inner)) : slice.size();
      for (int64_t unit = slice.first; unit < slice.last;) {
        const int64_t row = unit % shape_.out_h, piece = unit / shape_.out_h;
        const int64_t count = std::min({shape_.out_h - row, slice.last - unit, most});
        const int64_t plane = piece / cuts;
        const Slice rows{row, row + count};
        if (is_plane_) {
          compute_plane(args, plane, rows, scratch);
        } else {
          compute_rows(args, plane, rows, slice_of(vectors, piece % cuts, cuts));
        }
        if (finishes) {
          const int64_t step = shape_.out_w * form_.inner, first = (plane * shape_.out_h + row) * step;
          epilogue_.apply(args.outputs[0].data<float>(), epilogue_.residual(args), first,
                          first + count * step);
        }
        unit += count;
      }
    });
    if (!fused_ && !finishes) {
      epilogue_.apply_all(args.outputs[0].data<float>(), epilogue_.residual(args), threads);
    }
    return Status::ok();
  }

 private:
  void pack(const PrepareArgs& args) {
    const int64_t taps = shape_.kernel_h * shape_.kernel_w, vectors = parts(form_.inner, lanes_);
    const auto bytes = static_cast<size_t>(form_.outer * vectors * taps * lanes_) * sizeof(float);
    filters_ = args.pack(1, bytes, [&](Memory memory) {
      const float* from = args.constants[1].data<const float>();
      float* to = reinterpret_cast<float*>(memory.host());
      for (int64_t vector = 0; vector < form_.outer * vectors; ++vector) {
        const int64_t in_plane = std::min(vector % vectors * lanes_, form_.inner - lanes_);
        const int64_t first = vector / vectors * form_.inner + in_plane;
        for (int64_t tap = 0; tap < taps; ++tap) {
          for (int64_t channel = first; channel < first + lanes_; ++channel)
            *to++ = channel < shape_.groups ? from[channel * taps + tap] : 0.0f;
        }
      }
    });
  }

  void compute_rows(const KernelArgs& args, int64_t plane, Slice rows, Slice vectors) const {
    const int64_t y = plane * form_.pixels * form_.inner, block = plane % form_.outer;
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    DepthwiseRows task{};
    task.shape = &shape_;
    task.x = args.inputs[0].data<const float>() + plane * shape_.height * shape_.width * form_.inner;
    task.filters = filters_.data<float>() +
                   block * parts(form_.inner, lanes_) * shape_.kernel_h * shape_.kernel_w * lanes_;
    std::array<float, 16> bias{};
    if (has_bias_) {
      task.bias = args.inputs[2].data<const float>() + block * form_.inner;
      if (const int64_t used = shape_.groups - block * form_.inner; used < form_.inner) {
        std::copy_n(task.bias, used, bias.begin());
        task.bias = bias.data();
      }
    }
    task.residual = last.adds ? epilogue_.residual(args) + y : nullptr;
    task.y = args.outputs[0].data<float>() + y;
    task.pixel_step = form_.inner;
    task.channels = form_.inner;
    task.rows = rows;
    task.low = last.low;
    task.high = last.high;
    // So many vectors at a time that their filters stay in the first-level cache.
    const int64_t together = std::max<int64_t>(1, 2048 / (shape_.kernel_h * shape_.kernel_w * lanes_));
    for (int64_t first = vectors.first; first < vectors.last; first += together) {
      task.vectors = {first, std::min(first + together, vectors.last)};
      loops_.rows(task);
    }
  }

  void compute_plane(const KernelArgs& args, int64_t plane, Slice rows, float* scratch) const {
    const int64_t channel = plane % form_.outer, y = plane * form_.pixels;
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    DepthwisePlane task{};
    task.shape = &shape_;
    task.form = &scratch_;
    task.x = args.inputs[0].data<const float>() + plane * shape_.height * shape_.width;
    task.filter = args.inputs[1].data<const float>() + channel * shape_.kernel_h * shape_.kernel_w;
    task.residual = last.adds ? epilogue_.residual(args) + y : nullptr;
    task.y = args.outputs[0].data<float>() + y;
    task.scratch = scratch;
    task.rows = rows;
    task.bias = has_bias_ ? args.inputs[2].data<const float>()[channel] : 0.0f;
    task.low = last.low;
    task.high = last.high;
    loops_.plane(task);
  }

  Conv2dShape shape_;
  int lanes_;
  DepthwiseLoops loops_;
  ChannelForm form_;
  DepthwiseScratch scratch_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  PackedBytes filters_;
  bool is_plane_;
  bool has_bias_ = false;
};

class DepthwisePrimitive final : public Primitive {
 public:
  DepthwisePrimitive(Layout layout, Isa most)
      : Primitive(native_info(OpKind::conv2d, "depthwise", layout, layout)),
        lanes_(lanes_of(std::min(most, best_isa()))) {}

  Support supports(const LayerDesc& layer) const override {
    const Layout layout = info().input;
    const Shape& filters = layer.inputs[1].desc.shape;
    if (filters[1] != 1 || filters[0] != layer.inputs[0].desc.shape[1])
      return Support::no("for depthwise convolution with one filter a channel only");
    if (const Support operands = needs_conv2d_operands(layer, layout, layout != Layout::nchw); !operands)
      return operands;
    if (filters.elements() * layer.outputs[0].shape[2] * layer.outputs[0].shape[3] == 0)
      return Support::no("nothing to compute");
    if (layout == Layout::nhwc && filters[0] < 4) return Support::no("fewer than four channels");
    return Epilogue::supports(layer, layout);
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    if (info().input != Layout::nchw) return 0;
    const Conv2dShape shape = Conv2dShape::of(layer);
    const DepthwiseScratch scratch = DepthwiseScratch::of(shape, lanes_for(shape, Layout::nchw, lanes_));
    return static_cast<size_t>(scratch.elements() * std::max(1, threads)) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<DepthwiseKernel>(layer, info().input, lanes_, args);
  }

 private:
  int lanes_;
};

}  // namespace

DepthwiseScratch DepthwiseScratch::of(const Conv2dShape& shape, int lanes) {
  constexpr int64_t first_level = 6144;  // floats, half of a first-level cache
  DepthwiseScratch scratch{};
  const int64_t reach_h = (shape.kernel_h - 1) * shape.dilation_h + 1;
  const int64_t reach_w = (shape.kernel_w - 1) * shape.dilation_w;
  scratch.phase_step = parts(parts(shape.out_w, lanes) * lanes + reach_w / shape.stride_w, lanes) * lanes;
  scratch.row_step = shape.stride_w * scratch.phase_step;
  const int64_t fitting = (first_level / scratch.row_step - reach_h) / shape.stride_h + 1;
  scratch.out_rows = std::clamp<int64_t>(fitting < 4 ? fitting : fitting / 4 * 4, 1, shape.out_h);
  scratch.rows = (scratch.out_rows - 1) * shape.stride_h + reach_h;
  return scratch;
}

std::unique_ptr<Primitive> make_depthwise(Layout layout, Isa most) {
  return std::make_unique<DepthwisePrimitive>(layout, most);
}

void register_conv2d_native_depthwise(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(make_depthwise(layout, Isa::avx512));
}

}  // namespace raceline
