// Layers drawn at random: small, of odd sizes, near the corners of what an op allows.
#pragma once
#include <cstdint>

#include "raceline/graph/layer_desc.h"

namespace raceline {

/// A layer of the op, the same for the same seed on every machine; a few million operations at most.
LayerDesc random_layer(OpKind op, uint64_t seed);

}  // namespace raceline
