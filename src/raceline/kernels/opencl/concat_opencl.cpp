// Concatenation along any axis: copies of the driver, one for each operand and each row before the axis.
// Limits: at most 64 copies, each of which costs as much as a kernel's launch.
#include <memory>

#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {
namespace {

constexpr int64_t most_copies = 64;

int64_t outer_of(const LayerDesc& layer) {
  return layer.outputs[0].shape.elements(0, static_cast<int>(layer.as<ConcatParams>().axis));
}

class ConcatKernel final : public Kernel {
 public:
  explicit ConcatKernel(const LayerDesc& layer) : outer_(outer_of(layer)) {
    const auto bytes_of_row = [&](const TensorDesc& desc) {
      return outer_ == 0 ? 0 : desc.bytes() / static_cast<size_t>(outer_);
    };
    for (const OperandDesc& operand : layer.inputs) rows_.push_back(bytes_of_row(operand.desc));
    out_row_ = bytes_of_row(layer.outputs[0]);
  }
  Status run(const KernelArgs& args) const noexcept override {
    size_t place = 0;
    for (size_t i = 0; i < rows_.size(); place += rows_[i++]) {
      for (size_t row = 0; row < static_cast<size_t>(outer_); ++row) {
        const Status status = args.queue.copy(args.outputs[0].memory.at(row * out_row_ + place),
                                              args.inputs[i].memory.at(row * rows_[i]), rows_[i]);
        if (!status.is_ok()) return status;
      }
    }
    return Status::ok();
  }

 private:
  int64_t outer_;
  std::vector<size_t> rows_;
  size_t out_row_ = 0;
};

class ConcatPrimitive final : public Primitive {
 public:
  ConcatPrimitive() : Primitive(opencl_info(OpKind::concat, "copy")) {}

  Support supports(const LayerDesc& layer) const override {
    for (const OperandDesc& operand : layer.inputs) {
      if (operand.constant) return Support::no("a constant operand is not in the device's memory");
    }
    if (outer_of(layer) * static_cast<int64_t>(layer.inputs.size()) > most_copies)
      return Support::no(fmt::format("more than {} copies", most_copies));
    return needs_plain(layer);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& /*args*/) const override {
    return std::make_unique<ConcatKernel>(layer);
  }
};

}  // namespace

void register_concat_opencl(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<ConcatPrimitive>());
}

}  // namespace raceline
