// gemm with constant weights, dense layers: the weights are packed into panels of columns, and a work-item
// computes all rows of some. Of one row that is a product of matrix and vector, which reads the weights once,
// in order. alpha goes into the weights, beta into the bias. Limits: C is a constant vector or absent, A is
// not transposed.
#include <memory>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/gemm_common.h"
#include "raceline/kernels/opencl/tile_gemm.h"

namespace raceline {
namespace {

class DenseKernel final : public Kernel {
 public:
  DenseKernel(const LayerDesc& layer, const PrepareArgs& args, RegisterTile tile)
      : layer_(layer),
        epilogue_(layer),
        gemm_(TileGemm::make(opencl_device(args), tile, LeftMatrix::rows, RightMatrix::packed)),
        bias_(upload_gemm_bias(layer, args)) {
    const GemmParams& params = layer.as<GemmParams>();
    const Shape& a = layer.inputs[0].desc.shape;
    m_ = a[0];
    k_ = a[1];
    n_ = layer.outputs[0].shape[1];
    const std::span<const float> weights = floats_of(args.constants[1]);
    // Columns of B are rows of its transpose.
    const RegisterTile panel{tile.columns(), 1};
    weights_ = upload(opencl_device(args),
                      pack_tile_rows(panel, 1, n_, k_, [&](int64_t, int64_t column, int64_t row) {
                        const int64_t at = params.trans_b ? column * k_ + row : row * n_ + column;
                        return params.alpha * weights[static_cast<size_t>(at)];
                      }));
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return weights_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    return gemm_.launch(opencl_queue(args),
                        {.a = args.inputs[0].memory,
                         .b = weights_.memory(),
                         .bias = bias_.memory(),
                         .residual = residual_of(layer_, args),
                         .c = args.outputs[0].memory,
                         .m = m_,
                         .n = n_,
                         .k = k_,
                         .a_row = k_,
                         .c_row = n_,
                         .bias_of = bias_.memory() ? TileGemm::Bias::of_columns : TileGemm::Bias::none},
                        epilogue_);
  }

 private:
  LayerDesc layer_;
  DeviceEpilogue epilogue_;
  TileGemm gemm_;
  int64_t m_ = 0, n_ = 0, k_ = 0;
  Buffer bias_, weights_;
};

class DensePrimitive final : public Primitive {
 public:
  DensePrimitive(std::string algorithm, RegisterTile tile)
      : Primitive(opencl_info(OpKind::gemm, std::move(algorithm), "tile" + tile.to_string())), tile_(tile) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_gemm(layer); !operands) return operands;
    const bool one_row = layer.inputs[0].desc.shape[0] == 1;
    if (one_row != (tile_.rows == 1)) return Support::no(one_row ? "A is one row" : "A has several rows");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<DenseKernel>(layer, args, tile_);
  }

 private:
  RegisterTile tile_;
};

}  // namespace

void register_gemm_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<DensePrimitive>("gemv", RegisterTile{1, 2}));
  registry.add(std::make_unique<DensePrimitive>("gemv", RegisterTile{1, 4}));
  registry.add(std::make_unique<DensePrimitive>("gemm", RegisterTile{4, 2}));
  registry.add(std::make_unique<DensePrimitive>("gemm", RegisterTile{8, 2}));
}

}  // namespace raceline
