// Concatenation: for each position before the axis, the operands' runs one after the other.
#include <cstring>

#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const int axis = static_cast<int>(layer.as<ConcatParams>().axis);
  const TensorDesc& output = layer.outputs[0];
  const size_t item =
      static_cast<size_t>(output.shape.elements(axis + 1, output.shape.rank())) * size_of(output.type);
  const size_t row = static_cast<size_t>(output.shape[axis]) * item;
  const int64_t rows = output.shape.elements(0, axis);
  size_t offset = 0;
  for (size_t operand = 0; operand < op_operands(layer); ++operand) {
    const size_t bytes = static_cast<size_t>(layer.inputs[operand].desc.shape[axis]) * item;
    const std::byte* x = args.inputs[operand].data<std::byte>();
    std::byte* y = args.outputs[0].data<std::byte>() + offset;
    for (int64_t i = 0; i < rows; ++i, x += bytes, y += row) std::memcpy(y, x, bytes);
    offset += bytes;
  }
  return Status::ok();
}

}  // namespace

void register_concat_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::concat, "copy", {any_type, run});
}

}  // namespace raceline
