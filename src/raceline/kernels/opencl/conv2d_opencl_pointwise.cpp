// conv2d with 1x1 filters, stride 1 and no padding in nchw: the image is the right matrix of a product as it
// lies. Limits: at least as many pixels as a tile has columns.
#include <memory>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/tile_gemm.h"

namespace raceline {
namespace {

class PointwiseKernel final : public Kernel {
 public:
  PointwiseKernel(const LayerDesc& layer, const PrepareArgs& args, RegisterTile tile)
      : layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer),
        gemm_(TileGemm::make(opencl_device(args), tile, LeftMatrix::packed, RightMatrix::offsets)),
        bias_(upload_bias(layer, args)),
        filters_(upload_filters(opencl_device(args), tile, shape_, args.constants[1])) {
    std::vector<int32_t> offsets;
    for (int64_t c = 0; c < shape_.depth(); ++c) offsets.push_back(static_cast<int32_t>(c * shape_.pixels()));
    offsets_ = upload(opencl_device(args), offsets);
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + offsets_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    const Memory residual = residual_of(layer_, args);
    const int64_t in = shape_.groups * shape_.channels * shape_.pixels();
    const int64_t out = shape_.groups * shape_.filters * shape_.pixels();
    for (int64_t image = 0; image < shape_.images; ++image) {
      TileGemm::Operands operands =
          conv_operands(gemm_, shape_, filters_, bias_, residual, args.outputs[0].memory, image * out);
      operands.b = at_element(args.inputs[0].memory, image * in);
      operands.offsets = offsets_.memory();
      operands.b_step = shape_.channels * shape_.pixels();
      const Status status = gemm_.launch(opencl_queue(args), operands, epilogue_);
      if (!status.is_ok()) return status;
    }
    return Status::ok();
  }

 private:
  LayerDesc layer_;
  Conv2dShape shape_;
  DeviceEpilogue epilogue_;
  TileGemm gemm_;
  Buffer bias_, filters_, offsets_;
};

class PointwisePrimitive final : public Primitive {
 public:
  explicit PointwisePrimitive(RegisterTile tile)
      : Primitive(opencl_info(OpKind::conv2d, "gemm", "pointwise_tile" + tile.to_string())), tile_(tile) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_conv2d(layer); !operands) return operands;
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (!shape.is_pointwise) return Support::no("1x1 filters, stride 1 and no padding only");
    if (shape.pixels() < tile_.columns())
      return Support::no(fmt::format("fewer than {} pixels", tile_.columns()));
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<PointwiseKernel>(layer, args, tile_);
  }

 private:
  RegisterTile tile_;
};

}  // namespace

void register_conv2d_opencl_pointwise(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<PointwisePrimitive>(RegisterTile{8, 2}));
  registry.add(std::make_unique<PointwisePrimitive>(RegisterTile{12, 2}));
}

}  // namespace raceline
