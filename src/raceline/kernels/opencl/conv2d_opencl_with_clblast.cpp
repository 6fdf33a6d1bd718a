// conv2d by CLBlast's convgemm: an implicit matrix product, without groups and with equal padding on both
// sides. Bias and epilogue take a pass of their own.
#include <memory>

#include "raceline/kernels/opencl/channel_epilogue.h"
#include "raceline/kernels/opencl/clblast_library.h"

namespace raceline {
namespace {

class ConvgemmKernel final : public Kernel {
 public:
  ConvgemmKernel(const ClblastLibrary& library, const LayerDesc& layer, const PrepareArgs& args)
      : library_(library),
        layer_(layer),
        shape_(Conv2dShape::of(layer)),
        epilogue_(layer, opencl_device(args), shape_.images * shape_.filters, shape_.pixels(),
                  shape_.filters),
        filters_(upload(opencl_device(args), floats_of(args.constants[1]))),
        bias_(upload_bias(layer, args)) {}

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return filters_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    OpenClQueue& queue = opencl_queue(args);
    const auto n = [](int64_t number) { return static_cast<size_t>(number); };
    const Conv2dShape& s = shape_;
    if (s.images == 0) return Status::ok();
    cl_command_queue handle = queue.handle();
    cl_event event = nullptr;
    const Memory x = args.inputs[0].memory, y = args.outputs[0].memory;
    const int error = library_.sconvgemm(
        ClblastLibrary::cross_correlation, n(s.channels), n(s.height), n(s.width), n(s.kernel_h),
        n(s.kernel_w), n(s.pad_top), n(s.pad_left), n(s.stride_h), n(s.stride_w), n(s.dilation_h),
        n(s.dilation_w), n(s.filters), n(s.images), buffer_of(x), offset_of(x), buffer_of(filters_.memory()),
        0, buffer_of(y), offset_of(y), &handle, &event);
    if (const Status status = clblast_status(queue, error, event); !status.is_ok()) return status;
    return epilogue_.run(queue, bias_.memory(), residual_of(layer_, args), y);
  }

 private:
  ClblastLibrary library_;
  LayerDesc layer_;
  Conv2dShape shape_;
  ChannelEpilogue epilogue_;
  Buffer filters_, bias_;
};

class ConvgemmPrimitive final : public Primitive {
 public:
  explicit ConvgemmPrimitive(const ClblastLibrary& library)
      : Primitive(clblast_info(library, OpKind::conv2d, "convgemm")), library_(library) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_conv2d(layer); !operands) return operands;
    const ConvParams& params = layer.as<ConvParams>();
    if (params.group != 1) return Support::no("CLBlast has no groups");
    if (params.pads_begin != params.pads_end) return Support::no("padding that differs at the two ends");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<ConvgemmKernel>(library_, layer, args);
  }

 private:
  ClblastLibrary library_;
};

}  // namespace

void register_conv2d_opencl_with_clblast(PrimitiveRegistry& registry) {
  std::string why;
  if (const auto library = ClblastLibrary::load(why)) {
    registry.add(std::make_unique<ConvgemmPrimitive>(*library));
  } else {
    registry.add_missing("clblast", why);
  }
}

}  // namespace raceline
