// gemm (fully-connected layers included) and matmul with pruned constant weights: only those that are not
// zero are kept and computed with. A matrix A is the image of a 1x1 convolution, its rows are pixels
// (sparse_layer). For one row, `csr` gathers the elements that each output meets; `block16` adds blocks of 16
// outputs. A fully-connected layer takes as long as its weights take to be read, and these are fewer.
// Limits: f32, constant weights of which at most half (or at most half of the blocks) are not zero, C a row.
#include <limits>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/sparse_layer.h"
#include "raceline/kernels/native/sparse_row.h"

namespace raceline {
namespace {

/// A product of a matrix with constant weights.
struct Product {
  int64_t rows = 1, inputs = 1, outputs = 1;
  Layout a = Layout::nhwc;  ///< see SparseShape::of_product
  float factor = 1;
  bool has_row = false;  ///< operand 2 is added to each row

  static Product of(const LayerDesc& layer) {
    const Shape& a = layer.inputs[0].desc.shape;
    const Shape& b = layer.inputs[1].desc.shape;
    Product product;
    if (layer.op == OpKind::gemm) {
      const GemmParams& params = layer.as<GemmParams>();
      product.rows = params.trans_a ? a[1] : a[0];
      product.inputs = params.trans_a ? a[0] : a[1];
      product.outputs = params.trans_b ? b[0] : b[1];
      product.factor = params.alpha;
      product.has_row = has_c(layer);
      if (params.trans_a) product.a = Layout::nchw;
    } else {
      product.inputs = b[0];
      product.outputs = b[1];
      product.rows = a.elements(0, a.rank() - 1);
    }
    // One row lies as one column does.
    if (product.rows == 1) product.a = Layout::nchw;
    return product;
  }
  static bool has_c(const LayerDesc& layer) {
    const size_t operands = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
    return operands > 2 && layer.inputs[2].present && layer.as<GemmParams>().beta != 0;
  }
};

Support is_product(const LayerDesc& layer) {
  const Shape& b = layer.inputs[1].desc.shape;
  if (b.rank() != 2) return Support::no("B of rank 2 only");
  if (layer.outputs[0].shape.elements() == 0) return Support::no("no outputs");
  if (layer.op == OpKind::matmul) return Support::yes();
  if (!Product::has_c(layer)) return Support::yes();
  if (layer.as<GemmParams>().beta != 1) return Support::no("beta is neither 0 nor 1");
  const Shape& c = layer.inputs[2].desc.shape;
  const bool is_row =
      c.rank() >= 1 && c.elements() == layer.outputs[0].shape[1] && c[c.rank() - 1] == c.elements();
  return is_row ? Support::yes() : Support::no("C is not one row");
}

/// What all kernels do beside the product.
class SparseProductKernel : public Kernel {
 public:
  SparseProductKernel(const LayerDesc& layer, int threads)
      : threads_(std::max(1, threads)),
        fused_(FusedEpilogue::of(layer.epilogue)),
        epilogue_(layer, Layout::nchw),
        has_row_(Product::of(layer).has_row) {}

  bool reads_constant(size_t operand) const override { return operand != 1; }

  Status run(const KernelArgs& args) const noexcept override {
    SparseRun run{};
    run.x = args.inputs[0].data<const float>();
    run.y = args.outputs[0].data<float>();
    run.bias = has_row_ ? args.inputs[2].data<const float>() : nullptr;
    run.residual = epilogue_.residual(args);
    run.workspace = reinterpret_cast<float*>(args.workspace.host());
    run.threads = std::min(threads_, args.queue.threads());
    multiply(run);
    if (!fused_) epilogue_.apply_all(run.y, run.residual, run.threads);
    return Status::ok();
  }

 protected:
  virtual void multiply(const SparseRun& run) const noexcept = 0;
  FusedEpilogue last() const { return fused_.value_or(FusedEpilogue{}); }

 private:
  int threads_;
  std::optional<FusedEpilogue> fused_;
  Epilogue epilogue_;
  bool has_row_;
};

WeightGrid grid_of(const LayerDesc& layer) {
  return *WeightGrid::of(layer.op, layer.params, layer.inputs[1].desc.shape);
}

class MatrixKernel final : public SparseProductKernel {
 public:
  MatrixKernel(const LayerDesc& layer, SparseShape shape, SparseFormat format, const SparseProducts& products,
               const PrepareArgs& args)
      : SparseProductKernel(layer, args.threads),
        layer_(std::move(shape), format, products, grid_of(layer), Product::of(layer).factor, last(), args) {}

  size_t packed_bytes() const override { return layer_.packed_bytes(); }

 private:
  void multiply(const SparseRun& run) const noexcept override { layer_.run(run); }

  SparseLayer layer_;
};

class RowKernel final : public SparseProductKernel {
 public:
  RowKernel(const LayerDesc& layer, const PrepareArgs& args)
      : SparseProductKernel(layer, args.threads), row_(grid_of(layer), Product::of(layer).factor, args) {}

  size_t packed_bytes() const override { return row_.bytes(); }

 private:
  void multiply(const SparseRun& run) const noexcept override {
    const FusedEpilogue last = this->last();
    const int64_t work = std::max<int64_t>(1, row_.kept() / std::max<int64_t>(1, row_.outputs()));
    parallel_slices(run.threads, row_.outputs(), 16, 32768 / work, [&](Slice outputs, int) {
      row_.multiply(run.x, run.bias, outputs, run.y);
      for (int64_t i = outputs.first; i < outputs.last; ++i) {
        float y = run.y[i] + (last.adds ? run.residual[i] : 0.0f);
        y = y < last.low ? last.low : y;
        run.y[i] = y > last.high ? last.high : y;
      }
    });
  }

  SparseRows row_;
};

class SparseProductPrimitive final : public Primitive {
 public:
  SparseProductPrimitive(OpKind op, SparseFormat format)
      : Primitive({op,
                   "native",
                   "sparse",
                   format == SparseFormat::csr ? "csr" : "block16",
                   "",
                   {},
                   Layout::nchw,
                   Layout::nchw,
                   ""}),
        format_(format),
        products_(sparse_products_of(Isa::avx512)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support sparse = needs_sparse(layer.inputs[1], format_); !sparse) return sparse;
    if (const Support product = is_product(layer); !product) return product;
    const Product product = Product::of(layer);
    if (product.rows * product.inputs > std::numeric_limits<int32_t>::max())
      return Support::no("A has more than 2^31 - 1 elements");
    return Epilogue::supports(layer, Layout::nchw);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    if (is_row(layer)) return 0;
    const int team = std::max(1, threads);
    return static_cast<size_t>(SparseLayer::workspace_elements(shape_of(layer, team), format_, team)) *
           sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    if (is_row(layer)) return std::make_unique<RowKernel>(layer, args);
    return std::make_unique<MatrixKernel>(layer, shape_of(layer, std::max(1, args.threads)), format_,
                                          products_, args);
  }

 private:
  bool is_row(const LayerDesc& layer) const {
    return format_ == SparseFormat::csr && Product::of(layer).rows == 1;
  }
  SparseShape shape_of(const LayerDesc& layer, int threads) const {
    const Product product = Product::of(layer);
    return SparseShape::of_product(product.rows, product.inputs, product.outputs, product.a,
                                   sparse_tile_of(products_, format_), threads);
  }

  SparseFormat format_;
  SparseProducts products_;
};

}  // namespace

void register_gemm_native_sparse(PrimitiveRegistry& registry) {
  for (const OpKind op : {OpKind::gemm, OpKind::matmul}) {
    for (const SparseFormat format : {SparseFormat::csr, SparseFormat::block16})
      registry.add(std::make_unique<SparseProductPrimitive>(op, format));
  }
}

}  // namespace raceline
