#include "raceline/profile/footprint.h"

#include <algorithm>

namespace raceline {

Footprint footprint(const Primitive& primitive, const LayerDesc& layer, std::span<const TensorView> constants,
                    Device& device, int threads) {
  Footprint found;
  found.workspace_bytes = static_cast<int64_t>(primitive.workspace_bytes(layer, threads));
  const auto is_constant = [](const OperandDesc& operand) { return operand.present && operand.constant; };
  if (std::none_of(layer.inputs.begin(), layer.inputs.end(), is_constant)) return found;
  const auto kernel = primitive.prepare(layer, {constants, device, threads});
  found.packed_bytes = static_cast<int64_t>(kernel->packed_bytes());
  found.weights_bytes = found.packed_bytes;
  for (size_t operand = 0; operand < layer.inputs.size(); ++operand) {
    const bool reads = is_constant(layer.inputs[operand]) && kernel->reads_constant(operand);
    found.reads.push_back(reads);
    if (reads) found.weights_bytes += static_cast<int64_t>(layer.inputs[operand].desc.bytes());
  }
  return found;
}

}  // namespace raceline
