#include "raceline/primitive/primitive.h"

#include <fmt/format.h>

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

}  // namespace raceline
