// Copies of tensors between the host and the accelerator: what QS-DNN calls the penalty of changing the
// processor. `copy` has the driver read or write the host's memory (clEnqueueReadBuffer,
// clEnqueueWriteBuffer); `map` maps the device's memory and copies on the host's thread, which on a device
// that shares the host's memory is all there is to do. Any type; the layout stays.
#include <cstring>
#include <memory>

#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {
namespace {

class CopyKernel final : public Kernel {
 public:
  explicit CopyKernel(size_t bytes) : bytes_(bytes) {}
  Status run(const KernelArgs& args) const noexcept override {
    return args.queue.copy(args.outputs[0].memory, args.inputs[0].memory, bytes_);
  }

 private:
  size_t bytes_;
};

class MapKernel final : public Kernel {
 public:
  explicit MapKernel(size_t bytes) : bytes_(bytes) {}
  Status run(const KernelArgs& args) const noexcept override {
    if (bytes_ == 0) return Status::ok();
    OpenClQueue& queue = opencl_queue(args);
    const bool to_host = is_host(args.outputs[0].memory.device);
    const Memory there = to_host ? args.inputs[0].memory : args.outputs[0].memory;
    const cl_mem buffer = buffer_of(there);
    cl_int error = CL_SUCCESS;
    cl_event event = nullptr;
    // What the device holds is written over: it need not be read.
    void* const mapped = queue.api().enqueue_map(queue.handle(), buffer, CL_TRUE,
                                                 to_host ? CL_MAP_READ : CL_MAP_WRITE_INVALIDATE_REGION,
                                                 there.offset, bytes_, 0, nullptr, &event, &error);
    if (mapped == nullptr || error != CL_SUCCESS) return Status::failed(opencl_message(error));
    static_cast<void>(queue.took(error, event));
    if (to_host) {
      std::memcpy(args.outputs[0].memory.host(), mapped, bytes_);
    } else {
      std::memcpy(mapped, args.inputs[0].memory.host(), bytes_);
    }
    error = queue.api().enqueue_unmap(queue.handle(), buffer, mapped, 0, nullptr, &event);
    return queue.took(error, event);
  }

 private:
  size_t bytes_;
};

class TransferPrimitive final : public Primitive {
 public:
  explicit TransferPrimitive(bool maps)
      : Primitive(opencl_info(OpKind::reorder, maps ? "map" : "copy")), maps_(maps) {}

  Support supports(const LayerDesc& layer) const override {
    const ReorderParams& params = layer.as<ReorderParams>();
    const DeviceId here = info().processor;
    const bool crosses = (is_host(params.from.device) && params.to.device == here) ||
                         (is_host(params.to.device) && params.from.device == here);
    if (!crosses) return Support::no("not between the CPU and this device");
    if (params.from.layout != params.to.layout) return Support::no("the layout changes");
    if (params.from.layout != Layout::nchw) return Support::no("nchw only");
    if (params.from.type != params.to.type) return Support::no("the type changes");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& /*args*/) const override {
    const size_t bytes = layer.outputs[0].bytes();
    if (maps_) return std::make_unique<MapKernel>(bytes);
    return std::make_unique<CopyKernel>(bytes);
  }

 private:
  bool maps_;
};

}  // namespace

void register_reorder_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<TransferPrimitive>(false));
  registry.add(std::make_unique<TransferPrimitive>(true));
}

}  // namespace raceline
