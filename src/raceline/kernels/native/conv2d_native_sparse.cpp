// conv2d with pruned constant filters: only weights that are not zero are kept and computed with. The input
// is copied to planes, channel by channel, in which each weight stands for one offset; a tile of outputs is
// then a sum of shifted pieces of planes (Park et al., Faster CNNs with Direct Sparse Convolutions and Guided
// Pruning, 2017; Elsen et al., Fast Sparse ConvNets, 2019). `csr` keeps single weights, vectors are pixels:
// it should win where about nine of ten weights are zero. `block16` keeps blocks of 16 neighbouring filters
// that meet one input element, vectors are filters, and computes as fast for each weight as a dense
// convolution: it should win wherever filters were pruned by such blocks. Limits: f32, constant filters of
// which at most half (or at most half of the blocks) are not zero.
#include "raceline/kernels/common/conv2d_checks.h"
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/native/conv2d_sparse.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/sparse_layer.h"

namespace raceline {
namespace {

class SparseConvKernel final : public Kernel {
 public:
  SparseConvKernel(const LayerDesc& layer, SparseShape shape, SparseFormat format,
                   const SparseProducts& products, Layout layout, const PrepareArgs& args)
      : threads_(std::max(1, args.threads)),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, layout),
        layer_(std::move(shape), format, products,
               *WeightGrid::of(layer.op, layer.params, layer.inputs[1].desc.shape), 1,
               fused_.value_or(FusedEpilogue{}), args) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    has_bias_ = operands > 2 && layer.inputs[2].present;
  }

  bool reads_constant(size_t operand) const override { return operand != 1; }
  size_t packed_bytes() const override { return layer_.packed_bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    SparseRun run{};
    run.x = args.inputs[0].data<const float>();
    run.y = args.outputs[0].data<float>();
    run.bias = has_bias_ ? args.inputs[2].data<const float>() : nullptr;
    run.residual = epilogue_.residual(args);
    run.workspace = reinterpret_cast<float*>(args.workspace.host());
    run.threads = std::min(threads_, args.queue.threads());
    layer_.run(run);
    if (!fused_) epilogue_.apply_all(run.y, run.residual, run.threads);
    return Status::ok();
  }

 private:
  int threads_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  SparseLayer layer_;
  bool has_bias_ = false;
};

class SparseConvPrimitive final : public Primitive {
 public:
  SparseConvPrimitive(SparseFormat format, Layout layout, Isa most)
      : Primitive({OpKind::conv2d,
                   "native",
                   "sparse",
                   format == SparseFormat::csr ? "csr" : "block16",
                   "",
                   {},
                   layout,
                   layout,
                   ""}),
        format_(format),
        products_(sparse_products_of(most)) {}

  Support supports(const LayerDesc& layer) const override {
    const Layout layout = info().input;
    if (const Support operands = needs_conv2d_operands(layer, layout, false); !operands) return operands;
    if (const Support sparse = needs_sparse(layer.inputs[1], format_); !sparse) return sparse;
    if (layer.outputs[0].shape.elements() == 0) return Support::no("no outputs");
    const SparseShape shape = shape_of(layer, 1);
    const int block = block_of(layout);
    if (shape.conv.groups > 1 && (shape.conv.channels % block != 0 || shape.conv.filters % block != 0))
      return Support::no(fmt::format("groups that don't fill blocks of {}", block));
    const int64_t reach = shape.conv.channels * shape.planes.phases() * shape.planes.plane;
    if (reach > std::numeric_limits<int32_t>::max())
      return Support::no("an image of more than 2^31 - 1 elements");
    return Epilogue::supports(layer, layout);
  }

  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const int team = std::max(1, threads);
    return static_cast<size_t>(SparseLayer::workspace_elements(shape_of(layer, team), format_, team)) *
           sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<SparseConvKernel>(layer, shape_of(layer, std::max(1, args.threads)), format_,
                                              products_, info().input, args);
  }

 private:
  SparseShape shape_of(const LayerDesc& layer, int threads) const {
    return SparseShape::of(layer, info().input, info().output, sparse_tile_of(products_, format_), threads);
  }

  SparseFormat format_;
  SparseProducts products_;
};

}  // namespace

std::unique_ptr<Primitive> make_sparse_conv2d(SparseFormat format, Layout layout, Isa most) {
  return std::make_unique<SparseConvPrimitive>(format, layout, most);
}

void register_conv2d_native_sparse(PrimitiveRegistry& registry) {
  for (const SparseFormat format : {SparseFormat::csr, SparseFormat::block16}) {
    for (const Layout layout : all_layouts) registry.add(make_sparse_conv2d(format, layout, Isa::avx512));
  }
}

}  // namespace raceline
