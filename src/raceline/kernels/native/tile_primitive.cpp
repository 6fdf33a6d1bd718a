#include "raceline/kernels/native/tile_primitive.h"

#include <algorithm>
#include <optional>

#include "raceline/kernels/common/conv2d_checks.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// What a layer is cut into; the same for prepare() and workspace_bytes().
struct TilePlan {
  TileShape shape;
  TileChunks chunks;
};

class TileKernel final : public Kernel {
 public:
  /// pack(shape, filters, packed) transforms the filters.
  template <class Pack>
  TileKernel(const LayerDesc& layer, const TileShape& shape, const TileStages& stages, Layout layout,
             const PrepareArgs& args, const Pack& pack)
      : threads_(std::max(1, args.threads)),
        plan_{shape, TileChunks::choose(shape, threads_)},
        stages_(stages),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, layout) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    has_bias_ = operands > 2 && layer.inputs[2].present;
    const auto elements = static_cast<size_t>(shape.conv.groups * shape.packed_elements());
    filters_ = args.pack(1, elements * sizeof(float), [&](Memory to) {
      pack(plan_.shape, args.constants[1].data<const float>(), reinterpret_cast<float*>(to.host()));
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
  TileTask task_of(const KernelArgs& args, int64_t unit, float* scratch) const {
    const TileShape& shape = plan_.shape;
    const int64_t group = unit / plan_.chunks.count;
    const int64_t filter = group * shape.conv.filters;
    const int64_t y = shape.y.offset(0, filter, 0, 0);
    TileTask task{};
    task.shape = &shape;
    task.x = args.inputs[0].data<const float>() + shape.x.offset(0, group * shape.conv.channels, 0, 0);
    task.y = args.outputs[0].data<float>() + y;
    task.bias = has_bias_ ? args.inputs[2].data<const float>() + filter : nullptr;
    task.packed = filters_.data<float>() + group * shape.packed_elements();
    task.v = scratch;
    task.tiles = plan_.chunks.chunk(shape, unit % plan_.chunks.count);
    task.m = scratch + shape.size.positions * task.input_step();
    const FusedEpilogue last = fused_.value_or(FusedEpilogue{});
    if (last.adds) task.residual = epilogue_.residual(args) + y;
    task.low = last.low;
    task.high = last.high;
    return task;
  }

  /// One chunk by some threads.
  void share(const TileTask& task, int threads) const {
    const TileShape& shape = plan_.shape;
    const int64_t tiles = task.tiles.size();
    if (tiles == 0) return;
    const auto stage = [&](TileStages::Stage run, int64_t units) {
      parallel_slices(threads, units, 1, 4, [&](Slice some, int) { run(task, some); });
    };
    stage(stages_.input, tiles * shape.channel_vectors);
    stage(stages_.multiply, shape.products() * shape.filter_blocks());
    stage(stages_.output, tiles * shape.filter_vectors);
  }

  int threads_;
  TilePlan plan_;
  TileStages stages_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  PackedBytes filters_;
  bool has_bias_ = false;
};

}  // namespace

TilePrimitive::TilePrimitive(OpKind op, const std::string& algorithm, Layout layout, Isa most,
                             double error_bound)
    : Primitive(native_info(op, algorithm, layout, layout)),
      lanes_(std::min(lanes_of(std::min(most, best_isa())), layout == Layout::nchw8c ? 8 : 16)),
      error_bound_(error_bound) {}

Support TilePrimitive::supports(const LayerDesc& layer) const {
  if (const Support operands = needs_conv2d_operands(layer, info().input, true); !operands) return operands;
  if (const Support fits = check(layer); !fits) return fits;
  return Epilogue::supports(layer, info().output);
}

LayerLayouts TilePrimitive::layouts(const LayerDesc& layer) const {
  return layouts_of_rank_4(layer, info().input, info().output);
}

size_t TilePrimitive::workspace_bytes(const LayerDesc& layer, int threads) const {
  const int team = std::max(1, threads);
  const TileShape cut = shape(layer);
  const TileChunks chunks = TileChunks::choose(cut, team);
  return static_cast<size_t>(chunks.elements(cut) * (chunks.shared ? 1 : team)) * sizeof(float);
}

std::unique_ptr<const Kernel> TilePrimitive::prepare(const LayerDesc& layer, const PrepareArgs& args) const {
  return std::make_unique<TileKernel>(layer, shape(layer), stages(layer), info().input, args,
                                      [&](const TileShape& shape, const float* filters, float* packed) {
                                        pack(layer, shape, filters, packed);
                                      });
}

}  // namespace raceline
