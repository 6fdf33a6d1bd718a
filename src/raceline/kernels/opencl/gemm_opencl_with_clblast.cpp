// gemm with constant weights on CLBlast: Sgemv where A is one row, Sgemm for several. Bias and epilogue take
// a pass of their own.
#include <memory>

#include "raceline/kernels/opencl/channel_epilogue.h"
#include "raceline/kernels/opencl/clblast_library.h"
#include "raceline/kernels/opencl/gemm_common.h"

namespace raceline {
namespace {

constexpr std::string_view source = R"(
__kernel void clear(__global float* y, ulong y_at) {
  AT(y);
  y[get_global_id(0)] = 0.0f;
}
)";

class ClblastGemm final : public Kernel {
 public:
  ClblastGemm(const ClblastLibrary& library, const LayerDesc& layer, const PrepareArgs& args)
      : library_(library),
        layer_(layer),
        params_(layer.as<GemmParams>()),
        m_(static_cast<size_t>(layer.inputs[0].desc.shape[0])),
        k_(static_cast<size_t>(layer.inputs[0].desc.shape[1])),
        n_(static_cast<size_t>(layer.outputs[0].shape[1])),
        epilogue_(layer, opencl_device(args), layer.outputs[0].shape[0], layer.outputs[0].shape[1], 0),
        weights_(upload(opencl_device(args), floats_of(args.constants[1]))),
        bias_(upload_gemm_bias(layer, args)) {
    if (m_ == 1) clear_ = opencl_device(args).kernel(with_prelude(source), "clear");
  }

  bool reads_constant(size_t /*operand*/) const override { return false; }
  size_t packed_bytes() const override { return weights_.bytes() + bias_.bytes(); }

  Status run(const KernelArgs& args) const noexcept override {
    OpenClQueue& queue = opencl_queue(args);
    cl_command_queue handle = queue.handle();
    cl_event event = nullptr;
    const Memory a = args.inputs[0].memory, y = args.outputs[0].memory;
    const cl_mem weights = buffer_of(weights_.memory());
    const size_t stride = params_.trans_b ? k_ : n_;
    int error = 0;
    if (m_ == 1) {
      // y = op(B) x, with B as it is stored. Sgemv reads y even where beta is 0: what lay there may be NaN.
      const Status cleared = queue.launch(clear_, {.items = {n_, 1, 1}, .group = {0, 1, 1}}, y);
      if (!cleared.is_ok()) return cleared;
      error = library_.sgemv(
          ClblastLibrary::row_major, params_.trans_b ? ClblastLibrary::as_stored : ClblastLibrary::transposed,
          params_.trans_b ? n_ : k_, stride, params_.alpha, weights, 0, stride, buffer_of(a), offset_of(a), 1,
          0, buffer_of(y), offset_of(y), 1, &handle, &event);
    } else {
      error = library_.sgemm(ClblastLibrary::row_major, ClblastLibrary::as_stored,
                             params_.trans_b ? ClblastLibrary::transposed : ClblastLibrary::as_stored, m_, n_,
                             k_, params_.alpha, buffer_of(a), offset_of(a), k_, weights, 0, stride, 0,
                             buffer_of(y), offset_of(y), n_, &handle, &event);
    }
    if (const Status status = clblast_status(queue, error, event); !status.is_ok()) return status;
    return epilogue_.run(queue, bias_.memory(), residual_of(layer_, args), y);
  }

 private:
  ClblastLibrary library_;
  LayerDesc layer_;
  GemmParams params_;
  size_t m_, k_, n_;
  ChannelEpilogue epilogue_;
  Buffer weights_, bias_;
  OpenClKernel clear_;
};

class ClblastPrimitive final : public Primitive {
 public:
  ClblastPrimitive(const ClblastLibrary& library, bool one_row)
      : Primitive(clblast_info(library, OpKind::gemm, one_row ? "gemv" : "gemm")),
        library_(library),
        one_row_(one_row) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support operands = needs_device_gemm(layer); !operands) return operands;
    const Shape& a = layer.inputs[0].desc.shape;
    if (a.elements() == 0) return Support::no("empty matrices");
    if ((a[0] == 1) != one_row_) return Support::no(one_row_ ? "A has several rows" : "A is one row");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<ClblastGemm>(library_, layer, args);
  }

 private:
  ClblastLibrary library_;
  bool one_row_;
};

}  // namespace

void register_gemm_opencl_with_clblast(PrimitiveRegistry& registry) {
  std::string why;  // said by conv2d_opencl_with_clblast where it is missing
  if (const auto library = ClblastLibrary::load(why)) {
    registry.add(std::make_unique<ClblastPrimitive>(*library, true));
    registry.add(std::make_unique<ClblastPrimitive>(*library, false));
  }
}

}  // namespace raceline
