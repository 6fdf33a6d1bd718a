#include "raceline/graph/layer_desc.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

std::vector<const TensorDesc*> pointers(std::span<const OperandDesc> operands) {
  std::vector<const TensorDesc*> list;
  for (const OperandDesc& operand : operands) list.push_back(operand.present ? &operand.desc : nullptr);
  return list;
}

/// The operand as a layer holds it: what means nothing has its default value.
OperandDesc clean(OperandDesc operand) {
  if (!operand.present) return {.present = false};
  if (!std::isfinite(operand.scale)) throw GraphError(fmt::format("an operand of scale {}", operand.scale));
  operand.desc.layout = Layout::nchw;
  if (!operand.constant) operand.density = 0;
  // A block that holds an element which is not zero is one.
  operand.block_density = std::min(operand.block_density, operand.density);
  return operand;
}

void check_epilogue(OpKind op, std::vector<EpilogueStep>& epilogue) {
  if (epilogue.empty()) return;
  if (op == OpKind::reorder) throw GraphError("the op takes no epilogue");
  int adds = 0;
  for (EpilogueStep& step : epilogue) {
    if (step.kind == EpilogueStep::Kind::add) {
      step.unary = {};
      if (++adds > 1) throw GraphError("the epilogue adds two residuals; at most one is possible");
      continue;
    }
    OpParams params = step.unary;
    op_info(OpKind::unary).normalise(params, {});
    step.unary = std::get<UnaryParams>(params);
  }
}

/// Steps work on a tensor like the output.
void check_steps(std::span<const EpilogueStep> epilogue, const TensorDesc& output,
                 const OperandDesc* residual) {
  const std::vector<const TensorDesc*> operand = {&output};
  for (const EpilogueStep& step : epilogue) {
    if (step.kind == EpilogueStep::Kind::unary) (void)op_info(OpKind::unary).infer(step.unary, operand);
  }
  if (residual == nullptr) return;
  if (!residual->present || residual->desc != output) {
    throw GraphError(fmt::format("the residual is {}; {} wanted, as of the output",
                                 residual->present ? residual->desc.to_string() : "absent",
                                 output.to_string()));
  }
}

double bytes_in(TensorDesc desc, Layout layout) {
  return static_cast<double>(desc.with(layout).bytes());
}

}  // namespace

LayerDesc LayerDesc::make(OpKind op, OpParams params, std::vector<OperandDesc> inputs,
                          std::vector<EpilogueStep> epilogue, int outputs) {
  const OpInfo& info = op_info(op);
  try {
    if (params.index() != info.defaults.index()) throw GraphError("the parameters belong to another op");
    check_epilogue(op, epilogue);
    LayerDesc layer{.op = op, .params = std::move(params), .epilogue = std::move(epilogue)};
    std::transform(inputs.begin(), inputs.end(), inputs.begin(), clean);
    std::vector<OperandDesc> residual;
    if (layer.has_residual()) {
      if (inputs.empty()) throw GraphError("the residual is missing");
      residual.push_back(inputs.back());
      inputs.pop_back();
    }
    while (!inputs.empty() && !inputs.back().present) inputs.pop_back();
    const auto given = static_cast<int64_t>(inputs.size());
    if (given < info.min_operands || given > info.max_operands) {
      throw GraphError(
          fmt::format("{} operands given; {} to {} wanted", given, info.min_operands, info.max_operands));
    }
    const auto operands = pointers(inputs);
    info.normalise(layer.params, operands);
    layer.outputs = info.infer(layer.params, operands);
    if (outputs < 1 || static_cast<size_t>(outputs) > layer.outputs.size()) {
      throw GraphError(fmt::format("{} outputs asked for; 1 to {} possible", outputs, layer.outputs.size()));
    }
    layer.outputs.resize(static_cast<size_t>(outputs));
    check_steps(layer.epilogue, layer.outputs[0], residual.empty() ? nullptr : &residual[0]);
    layer.inputs = std::move(inputs);
    layer.inputs.insert(layer.inputs.end(), residual.begin(), residual.end());
    return layer;
  } catch (const GraphError& error) {
    throw GraphError(fmt::format("layer {}: {}", info.name, error.what()));
  }
}

LayerDesc LayerDesc::reorder(const TensorDesc& tensor, const Interface& from, const Interface& to) {
  return make(OpKind::reorder, ReorderParams{from, to}, {{.desc = tensor.with(Layout::nchw)}});
}

bool LayerDesc::has_residual() const {
  return std::any_of(epilogue.begin(), epilogue.end(),
                     [](const EpilogueStep& step) { return step.kind == EpilogueStep::Kind::add; });
}

double LayerDesc::flops() const {
  const size_t own = inputs.size() - (has_residual() ? 1 : 0);
  const auto steps = static_cast<double>(epilogue.size()) * static_cast<double>(outputs[0].shape.elements());
  return op_info(op).flops(params, pointers(std::span(inputs).first(own)), outputs) + steps;
}

double LayerDesc::bytes_moved() const {
  if (op == OpKind::reorder) {
    const auto& p = as<ReorderParams>();
    return bytes_in(inputs[0].desc, p.from.layout) + bytes_in(outputs[0], p.to.layout);
  }
  double bytes = 0;
  for (const OperandDesc& operand : inputs)
    bytes += operand.present ? static_cast<double>(operand.desc.bytes()) : 0;
  for (const TensorDesc& output : outputs) bytes += static_cast<double>(output.bytes());
  return bytes;
}

}  // namespace raceline
