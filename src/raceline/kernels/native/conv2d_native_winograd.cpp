// conv2d by Winograd's minimal filtering: F(m x m, r x r) computes a tile of m x m outputs from a window of
// (m + r - 1)^2 inputs with as many products, where the definition has m^2 r^2. Source: Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, 2015. Filters are transformed once; a chunk of tiles of the
// image is transformed, multiplied position by position, and transformed back. For 1xn and nx1 kernels the
// same along one axis. It should win for 3x3 and larger kernels with many channels.
// Limits: f32, constant filters, stride 1, no dilation, more than one channel a group; rounding errors are
// larger than those of a direct convolution, the more the larger the window.
#include <optional>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/winograd.h"
#include "raceline/kernels/native/winograd_stages.h"

namespace raceline {
namespace {

template <int lanes>
constexpr WinogradBlocking blocking_with = {lanes, WinogradBlock<lanes>::rows, WinogradBlock<lanes>::vectors};

WinogradBlocking blocking_of(int lanes) {
  return lanes == 16 ? blocking_with<16> : lanes == 8 ? blocking_with<8> : blocking_with<4>;
}

/// What a layer is cut into; the same for prepare() and workspace_bytes().
struct WinogradPlan {
  WinogradShape shape;
  WinogradChunks chunks;

  static WinogradPlan of(const LayerDesc& layer, WinogradSize size, int lanes, Layout layout, int threads) {
    WinogradPlan plan{WinogradShape::of(layer, size, blocking_of(lanes), layout), {}};
    plan.chunks = WinogradChunks::choose(plan.shape, threads);
    return plan;
  }
};

class WinogradKernel final : public Kernel {
 public:
  WinogradKernel(const LayerDesc& layer, WinogradSize size, int lanes, Layout layout, const PrepareArgs& args)
      : threads_(std::max(1, args.threads)),
        plan_(WinogradPlan::of(layer, size, lanes, layout, threads_)),
        stages_(lanes == 16  ? winograd_stages<16>(size)
                : lanes == 8 ? winograd_stages<8>(size)
                             : winograd_stages<4>(size)),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, layout) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    has_bias_ = operands > 2 && layer.inputs[2].present;
    const auto elements = static_cast<size_t>(plan_.shape.conv.groups * plan_.shape.packed_elements());
    filters_ = args.pack(1, elements * sizeof(float), [&](Memory to) {
      pack_winograd_filters(plan_.shape, args.constants[1].data<const float>(),
                            reinterpret_cast<float*>(to.host()));
    });
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return filters_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const int threads = std::min(threads_, args.queue.threads());
    float* const scratch = reinterpret_cast<float*>(args.workspace.host());
    const int64_t units = plan_.shape.conv.groups * plan_.chunks.count;
    if (plan_.chunks.shared) {
      for (int64_t unit = 0; unit < units; ++unit) share(task_of(args, unit, scratch), threads);
    } else {
      const int64_t elements = plan_.chunks.elements(plan_.shape);
      parallel_slices(threads, units, 1, 1, [&](Slice some, int thread) {
        for (int64_t unit = some.first; unit < some.last; ++unit)
          share(task_of(args, unit, scratch + thread * elements), 1);
      });
    }
    if (!fused_) epilogue_.apply_all(args.outputs[0].data<float>(), epilogue_.residual(args), threads);
    return Status::ok();
  }

 private:
  WinogradTask task_of(const KernelArgs& args, int64_t unit, float* scratch) const {
    const WinogradShape& shape = plan_.shape;
    const int64_t group = unit / plan_.chunks.count;
    const int64_t filter = group * shape.conv.filters;
    const int64_t y = shape.y.offset(0, filter, 0, 0);
    WinogradTask task{};
    task.shape = &shape;
    task.x = args.inputs[0].data<const float>() + shape.x.offset(0, group * shape.conv.channels, 0, 0);
    task.y = args.outputs[0].data<float>() + y;
    task.bias = has_bias_ ? args.inputs[2].data<const float>() + filter : nullptr;
    task.packed = filters_.data<float>() + group * shape.packed_elements();
    task.v = scratch;
    task.tiles = plan_.chunks.chunk(shape, unit % plan_.chunks.count);
    task.m = scratch + shape.size.positions() * task.input_step();
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    if (last.adds) task.residual = epilogue_.residual(args) + y;
    task.low = last.low;
    task.high = last.high;
    return task;
  }

  /// One chunk by some threads.
  void share(const WinogradTask& task, int threads) const {
    const WinogradShape& shape = plan_.shape;
    const int64_t tiles = task.tiles.size();
    if (tiles == 0) return;
    const auto stage = [&](WinogradStages::Stage run, int64_t units) {
      parallel_slices(threads, units, 1, 4, [&](Slice some, int) { run(task, some); });
    };
    stage(stages_.input, tiles * shape.channel_vectors);
    stage(stages_.multiply, shape.size.positions() * shape.filter_blocks());
    stage(stages_.output, tiles * shape.filter_vectors);
  }

  int threads_;
  WinogradPlan plan_;
  WinogradStages stages_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  PackedBytes filters_;
  bool has_bias_ = false;
};

class WinogradPrimitive final : public Primitive {
 public:
  WinogradPrimitive(const WinogradFamily& family, Layout layout, Isa most)
      : Primitive(native_info(OpKind::conv2d, family.algorithm, layout, layout)),
        family_(family),
        lanes_(std::min(lanes_of(std::min(most, best_isa())), layout == Layout::nchw8c ? 8 : 16)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (!layer.inputs[1].constant)
      return Support::no("filters that are not constant can't be transformed once");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant image comes in nchw");
    const WinogradSize* size = size_of(layer);
    if (size == nullptr) return Support::no(fmt::format("not for kernels of this size: {}", sizes()));
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.stride_h != 1 || shape.stride_w != 1) return Support::no("stride 1 only");
    if (shape.dilation_h != 1 || shape.dilation_w != 1) return Support::no("no dilation");
    if (shape.groups > 1 && shape.channels == 1)
      return Support::no("one channel a group: the products would be sums of one term");
    const int block = block_of(info().input);
    if (shape.groups > 1 && (shape.channels % block != 0 || shape.filters % block != 0))
      return Support::no(fmt::format("groups that don't fill blocks of {}", block));
    return Epilogue::supports(layer, info().output);
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }

  std::optional<double> error_bound(const LayerDesc&) const override { return family_.error_bound; }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const int team = std::max(1, threads);
    const WinogradPlan plan = WinogradPlan::of(layer, *size_of(layer), lanes_, info().input, team);
    return static_cast<size_t>(plan.chunks.elements(plan.shape) * (plan.chunks.shared ? 1 : team)) *
           sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<WinogradKernel>(layer, *size_of(layer), lanes_, info().input, args);
  }

 private:
  const WinogradSize* size_of(const LayerDesc& layer) const {
    const Shape& weights = layer.inputs[1].desc.shape;
    for (const WinogradSize& size : family_.sizes) {
      if (weights[2] == size.r_h && weights[3] == size.r_w) return &size;
    }
    return nullptr;
  }

  std::string sizes() const {
    std::string text;
    for (const WinogradSize& size : family_.sizes)
      text += fmt::format("{}{}x{}", text.empty() ? "" : " or ", size.r_h, size.r_w);
    return text + " only";
  }

  WinogradFamily family_;
  int lanes_;
};

}  // namespace

std::vector<WinogradFamily> winograd_families() {
  return {
      {"wino_2x3", {{2, 3, 2, 3}}, 3e-6},
      {"wino_4x3", {{4, 3, 4, 3}}, 1e-5},
      {"wino_6x3", {{6, 3, 6, 3}}, 5e-5},
      {"wino_4x5", {{4, 5, 4, 5}}, 4e-5},
      {"wino1d_6x3", {{1, 1, 6, 3}, {6, 3, 1, 1}}, 1e-5},
      {"wino1d_4x7", {{1, 1, 4, 7}, {4, 7, 1, 1}}, 3e-5},
  };
}

std::unique_ptr<Primitive> make_winograd(const WinogradFamily& family, Layout layout, Isa most) {
  return std::make_unique<WinogradPrimitive>(family, layout, most);
}

void register_conv2d_native_winograd(PrimitiveRegistry& registry) {
  for (const WinogradFamily& family : winograd_families()) {
    for (const Layout layout : all_layouts) registry.add(make_winograd(family, layout, Isa::avx512));
  }
}

}  // namespace raceline
