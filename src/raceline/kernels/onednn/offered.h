// What oneDNN offers and our tables lack. Without its headers, so that programs and tests may ask.
#pragma once
#include <string>
#include <vector>

#include "raceline/primitive/registry.h"

namespace raceline::onednn {

/// "<implementation> in <input>-<output>" for each that the library offers for the layer, in the layouts of
/// some primitive of this registry, and that no primitive of these layouts takes. Plain reference
/// implementations don't count: they are left out on purpose.
std::vector<std::string> unlisted(const PrimitiveRegistry& registry, const LayerDesc& layer);

}  // namespace raceline::onednn
