#include "raceline/primitive/primitive.h"

#include <fmt/format.h>

#include "raceline/base/hash.h"

namespace raceline {

std::string PrimitiveInfo::name() const {
  std::string text = fmt::format("{}.{}.{}", to_string(op), library, algorithm);
  if (!implementation.empty()) text += fmt::format(".{}", implementation);
  text += fmt::format(".{}", to_string(input));
  if (output != input) text += fmt::format("-{}", to_string(output));
  return text + fmt::format("@{}", processor.to_string());
}

LayerLayouts Primitive::layouts(const LayerDesc& layer) const {
  return {std::vector<Layout>(layer.inputs.size(), info_.input),
          std::vector<Layout>(layer.outputs.size(), info_.output)};
}

PackedBytes PrepareArgs::pack(size_t operand, size_t bytes, const std::function<void(Memory)>& fill) const {
  const TensorView& constant = constants[operand];
  PackedKey whole = key;
  if (store != nullptr) {
    whole.packer += fmt::format(" operand {}", operand);
    whole.data = hash_bytes({constant.data<const std::byte>(), constant.desc.bytes()});
    if (auto kept = store->find(whole, bytes)) return std::move(*kept);
  }
  Buffer made(device, bytes);
  fill(made.memory());
  if (store != nullptr) store->keep(whole, {made.memory().host(), bytes});
  return PackedBytes(std::move(made));
}

}  // namespace raceline
