#include "raceline/kernels/reference/reference_primitive.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/kernels/reference/elementwise_loop.h"
#include "raceline/kernels/reference/widened_layer.h"
#include "raceline/tensor/half.h"

namespace raceline {
namespace {

/// Applies the epilogue to a row-major output that is complete.
Status run_epilogue(const LayerDesc& layer, const KernelArgs& args) {
  const TensorView& output = args.outputs[0];
  const int64_t count = output.desc.shape.elements();
  return with_element(output.desc.type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    Stored<T>* y = elements<T>(output);
    for (const EpilogueStep& step : layer.epilogue) {
      if (step.kind == EpilogueStep::Kind::unary) {
        run_unary<T>(step.unary, y, y, count);
        continue;
      }
      const Stored<T>* residual = elements<T>(args.inputs[layer.residual()]);
      for (int64_t i = 0; i < count; ++i) {
        y[i] = apply_binary<T>(BinaryKind::add, static_cast<T>(y[i]), static_cast<T>(residual[i]));
      }
    }
  });
}

bool is_empty(const TensorDesc& desc) {
  return desc.shape.elements() == 0;
}

class ReferenceKernel final : public Kernel {
 public:
  using Run = Status (*)(const LayerDesc&, const KernelArgs&);
  ReferenceKernel(const LayerDesc& layer, Run run) : layer_(layer), run_(run) {}

  Status run(const KernelArgs& args) const noexcept override {
    // Of a tensor without elements the other dimensions may be huge, and nobody should walk along them.
    if (std::all_of(layer_.outputs.begin(), layer_.outputs.end(), is_empty)) return Status::ok();
    const Status status = run_(layer_, args);
    return status.is_ok() && !layer_.epilogue.empty() ? run_epilogue(layer_, args) : status;
  }

 private:
  LayerDesc layer_;
  Run run_;
};

Support one_type(const LayerDesc& layer, bool (*known)(DataType)) {
  const DataType type = layer.outputs[0].type;
  if (!known(type)) return Support::no(fmt::format("the reference does not compute in {}", to_string(type)));
  for (size_t operand = 0; operand < op_operands(layer); ++operand) {
    const DataType other = layer.inputs[operand].desc.type;
    if (layer.inputs[operand].present && other != type) {
      return Support::no(
          fmt::format("operand {} is {} where the output is {}", operand, to_string(other), to_string(type)));
    }
  }
  return Support::yes();
}

}  // namespace

Support ReferencePrimitive::supports(const LayerDesc& layer) const {
  if (!widens(layer)) return functions_.supports(layer);
  if (layer.inputs.size() > most_widened_operands) {
    return Support::no(fmt::format("more than {} operands of 16-bit floats", most_widened_operands));
  }
  return functions_.supports(widened(layer));
}

bool ReferencePrimitive::widens(const LayerDesc& layer) const {
  return has_halves(layer) && (!layer.epilogue.empty() || !functions_.supports(layer));
}

Sharing ReferencePrimitive::sharing(const LayerDesc& layer) const {
  return functions_.sharing == nullptr ? Sharing::none : functions_.sharing(layer);
}

size_t ReferencePrimitive::workspace_bytes(const LayerDesc& layer, int) const {
  const auto own = [&](const LayerDesc& computed) {
    return functions_.workspace_bytes == nullptr ? 0 : functions_.workspace_bytes(computed);
  };
  return widens(layer) ? widened_bytes(layer) + own(widened(layer)) : own(layer);
}

std::unique_ptr<const Kernel> ReferencePrimitive::prepare(const LayerDesc& layer,
                                                          const PrepareArgs& args) const {
  if (!widens(layer)) return std::make_unique<ReferenceKernel>(layer, functions_.run);
  return make_widened_kernel(layer, args, std::make_unique<ReferenceKernel>(widened(layer), functions_.run));
}

void add_reference(PrimitiveRegistry& registry, OpKind op, std::string algorithm,
                   const ReferencePrimitive::Functions& functions, Layout input, Layout output) {
  PrimitiveInfo info;
  info.op = op;
  info.library = "reference";
  info.algorithm = std::move(algorithm);
  info.input = input;
  info.output = output;
  registry.add(std::make_unique<ReferencePrimitive>(std::move(info), functions));
}

size_t op_operands(const LayerDesc& layer) {
  return layer.inputs.size() - (layer.has_residual() ? 1 : 0);
}

bool has_operand(const LayerDesc& layer, size_t operand) {
  return operand < op_operands(layer) && layer.inputs[operand].present;
}

Support only_floats(const LayerDesc& layer) {
  return one_type(layer, [](DataType type) { return type == DataType::f32 || type == DataType::f64; });
}

Support only_numbers(const LayerDesc& layer) {
  return one_type(layer, [](DataType type) { return !is_half(type) && type != DataType::boolean; });
}

Support any_type(const LayerDesc&) {
  return Support::yes();
}

}  // namespace raceline
