// conv2d of stride 1 in nchw without lowering: an implicit matrix product. The image is copied once with its
// padding, and then row [channel, tap] of the lowered matrix lies in it as it is, shifted by the tap; the
// pixels between the end of one row and the begin of the next are computed and thrown away. Should win where
// 3x3 filters and more would be lowered to nine times the image. The idea is that of kn2row and of implicit
// GEMM (Chetlur et al., cuDNN, 2014). Limits: stride 1; wide filters on narrow images waste most of the work.
#include <memory>

#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/padded_image.h"
#include "raceline/kernels/opencl/tile_gemm.h"

namespace raceline {
namespace {

class DirectKernel final : public Kernel {
 public:
  DirectKernel(const LayerDesc& layer, const PrepareArgs& args, RegisterTile tile)
      : layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer),
        gemm_(TileGemm::make(opencl_device(args), tile, LeftMatrix::packed, RightMatrix::offsets)),
        padded_(PaddedImage::make(opencl_device(args), shape_)),
        bias_(upload_bias(layer, args)),
        filters_(upload_filters(opencl_device(args), tile, shape_, args.constants[1])) {
    std::vector<int32_t> offsets;
    for (int64_t c = 0; c < shape_.channels; ++c) {
      for (int64_t r = 0; r < shape_.kernel_h; ++r) {
        for (int64_t s = 0; s < shape_.kernel_w; ++s) {
          offsets.push_back(static_cast<int32_t>(
              (c * padded_.height + r * shape_.dilation_h) * padded_.width + s * shape_.dilation_w));
        }
      }
    }
    offsets_ = upload(opencl_device(args), offsets);
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + offsets_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    OpenClQueue& queue = opencl_queue(args);
    const Memory residual = residual_of(layer_, args);
    const int64_t in = shape_.groups * shape_.channels * shape_.height * shape_.width;
    const int64_t out = shape_.groups * shape_.filters * shape_.pixels();
    for (int64_t image = 0; image < shape_.images; ++image) {
      Status status =
          padded_.launch(queue, shape_, at_element(args.inputs[0].memory, image * in), args.workspace);
      if (!status.is_ok()) return status;
      TileGemm::Operands operands =
          conv_operands(gemm_, shape_, filters_, bias_, residual, args.outputs[0].memory, image * out);
      operands.b = args.workspace;
      operands.offsets = offsets_.memory();
      operands.n = (shape_.out_h - 1) * padded_.width + shape_.out_w;
      operands.wide = padded_.width;
      operands.used = shape_.out_w;
      operands.b_step = shape_.channels * padded_.height * padded_.width;
      status = gemm_.launch(queue, operands, epilogue_);
      if (!status.is_ok()) return status;
    }
    return Status::ok();
  }

 private:
  LayerDesc layer_;
  Conv2dShape shape_;
  DeviceEpilogue epilogue_;
  TileGemm gemm_;
  PaddedImage padded_;
  Buffer bias_, filters_, offsets_;
};

class DirectPrimitive final : public Primitive {
 public:
  explicit DirectPrimitive(RegisterTile tile)
      : Primitive(opencl_info(OpKind::conv2d, "direct", "tile" + tile.to_string())), tile_(tile) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_conv2d(layer); !operands) return operands;
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.stride_h != 1 || shape.stride_w != 1) return Support::no("stride 1 only");
    if (shape.is_pointwise) return Support::no("1x1 filters need no padded image");
    if (shape.filters == 1) return Support::no("a tile of one filter of a group");
    return PaddedImage::supports(shape, tile_.columns());
  }
  size_t workspace_bytes(const LayerDesc& layer, int /*threads*/) const override {
    return static_cast<size_t>(PaddedImage::elements(Conv2dShape::of(layer), tile_.columns())) *
           sizeof(float);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<DirectKernel>(layer, args, tile_);
  }

 private:
  RegisterTile tile_;
};

}  // namespace

void register_conv2d_opencl_direct(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<DirectPrimitive>(RegisterTile{8, 2}));
  registry.add(std::make_unique<DirectPrimitive>(RegisterTile{12, 2}));
}

}  // namespace raceline
