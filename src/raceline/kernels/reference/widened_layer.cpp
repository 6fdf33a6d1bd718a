#include "raceline/kernels/reference/widened_layer.h"

#include <array>
#include <utility>
#include <vector>

#include "raceline/tensor/half.h"

namespace raceline {
namespace {

TensorDesc widened(TensorDesc desc) {
  if (is_half(desc.type)) desc.type = DataType::f32;
  return desc;
}

/// Bytes of a tensor in the workspace, whole cache lines; 0 where it is used as it is.
size_t room_for(const TensorDesc& desc) {
  return is_half(desc.type) ? (widened(desc).bytes() + 63) / 64 * 64 : 0;
}

template <class T>
void widen(const TensorView& from, float* to) {
  const int64_t count = from.desc.stored_elements();
  const T* x = from.data<T>();
  for (int64_t i = 0; i < count; ++i) to[i] = static_cast<float>(x[i]);
}

void widen(const TensorView& from, float* to) {
  return from.desc.type == DataType::f16 ? widen<Half>(from, to) : widen<BFloat16>(from, to);
}

template <class T>
void narrow(const float* from, const TensorView& to) {
  const int64_t count = to.desc.stored_elements();
  T* y = to.data<T>();
  for (int64_t i = 0; i < count; ++i) y[i] = T(from[i]);
}

void narrow(const float* from, const TensorView& to) {
  return to.desc.type == DataType::f16 ? narrow<Half>(from, to) : narrow<BFloat16>(from, to);
}

class WidenedKernel final : public Kernel {
 public:
  WidenedKernel(const LayerDesc& layer, const PrepareArgs& args, std::unique_ptr<const Kernel> wide)
      : wide_(std::move(wide)), constants_(layer.inputs.size()) {
    for (size_t i = 0; i < layer.inputs.size(); ++i) {
      const OperandDesc& operand = layer.inputs[i];
      if (!operand.present || !operand.constant || !is_half(operand.desc.type)) continue;
      constants_[i] = Tensor(widened(operand.desc));
      widen(args.constants[i], constants_[i].data<float>());
    }
  }

  Status run(const KernelArgs& args) const noexcept override {
    std::array<TensorView, most_widened_operands> inputs;
    std::array<TensorView, most_widened_operands> outputs;
    Memory room = args.workspace;
    const auto in_workspace = [&](const TensorView& view) {
      if (!view || !is_half(view.desc.type)) return view;
      const TensorView wide{widened(view.desc), room};
      room = room.at(room_for(view.desc));
      return wide;
    };
    for (size_t i = 0; i < args.inputs.size(); ++i) {
      if (constants_[i]) {
        inputs[i] = constants_[i].view();
        continue;
      }
      inputs[i] = in_workspace(args.inputs[i]);
      if (inputs[i].desc != args.inputs[i].desc) widen(args.inputs[i], inputs[i].data<float>());
    }
    for (size_t i = 0; i < args.outputs.size(); ++i) outputs[i] = in_workspace(args.outputs[i]);
    const Status status = wide_->run({std::span(inputs).first(args.inputs.size()),
                                      std::span(outputs).first(args.outputs.size()), room, args.queue});
    if (!status.is_ok()) return status;
    for (size_t i = 0; i < args.outputs.size(); ++i) {
      if (is_half(args.outputs[i].desc.type)) narrow(outputs[i].data<float>(), args.outputs[i]);
    }
    return status;
  }

  bool reads_constant(size_t operand) const override {
    return !constants_[operand] && wide_->reads_constant(operand);
  }

  size_t packed_bytes() const override {
    size_t bytes = wide_->packed_bytes();
    for (const Tensor& constant : constants_) {
      if (constant) bytes += constant.desc().bytes();
    }
    return bytes;
  }

 private:
  std::unique_ptr<const Kernel> wide_;
  std::vector<Tensor> constants_;
};

}  // namespace

bool has_halves(const LayerDesc& layer) {
  for (const OperandDesc& operand : layer.inputs) {
    if (operand.present && is_half(operand.desc.type)) return true;
  }
  for (const TensorDesc& output : layer.outputs) {
    if (is_half(output.type)) return true;
  }
  return false;
}

LayerDesc widened(const LayerDesc& layer) {
  LayerDesc wide = layer;
  for (OperandDesc& operand : wide.inputs) operand.desc = widened(operand.desc);
  for (TensorDesc& output : wide.outputs) output = widened(output);
  return wide;
}

size_t widened_bytes(const LayerDesc& layer) {
  size_t bytes = 0;
  for (const OperandDesc& operand : layer.inputs) {
    if (operand.present && !operand.constant) bytes += room_for(operand.desc);
  }
  for (const TensorDesc& output : layer.outputs) bytes += room_for(output);
  return bytes;
}

std::unique_ptr<const Kernel> make_widened_kernel(const LayerDesc& layer, const PrepareArgs& args,
                                                  std::unique_ptr<const Kernel> wide) {
  return std::make_unique<WidenedKernel>(layer, args, std::move(wide));
}

}  // namespace raceline
