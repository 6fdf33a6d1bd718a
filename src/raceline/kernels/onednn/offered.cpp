#include "raceline/kernels/onednn/offered.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline::onednn {
namespace {

/// Far slower than our own reference primitives.
constexpr std::string_view left_out[] = {"ref:any", "lrn_ref:any", "bnorm_ref:any"};

/// Whether all layouts of the layer's tensors mean the same memory, so that the library cannot tell them
/// apart.
bool is_flat(const LayerDesc& layer) {
  const auto flat = [](const Shape& shape) {
    return shape.rank() == 4 && (shape[1] == 1 || shape[2] * shape[3] == 1);
  };
  return flat(layer.inputs[0].desc.shape) && flat(layer.outputs[0].shape);
}

}  // namespace

std::vector<std::string> unlisted(const PrimitiveRegistry& registry, const LayerDesc& layer) {
  std::vector<const OnednnPrimitive*> primitives;
  for (const auto& primitive : registry.all()) {
    const auto* ours = dynamic_cast<const OnednnPrimitive*>(primitive.get());
    if (ours != nullptr && ours->info().op == layer.op) primitives.push_back(ours);
  }
  std::vector<std::string> result;
  for (const OnednnPrimitive* asked : primitives) {
    for (const std::string& name : asked->all_offered(layer)) {
      const bool known = std::any_of(primitives.begin(), primitives.end(), [&](const OnednnPrimitive* other) {
        return other->takes(name) && (is_flat(layer) || (other->info().input == asked->info().input &&
                                                         other->info().output == asked->info().output));
      });
      if (known || std::find(std::begin(left_out), std::end(left_out), name) != std::end(left_out)) continue;
      std::string text =
          fmt::format("{} in {}-{}", name, to_string(asked->info().input), to_string(asked->info().output));
      if (std::find(result.begin(), result.end(), text) == result.end()) result.push_back(std::move(text));
    }
  }
  return result;
}

}  // namespace raceline::onednn
