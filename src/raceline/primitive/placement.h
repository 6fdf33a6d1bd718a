// On which device a layer's operands lie and where its outputs go, under a primitive.
#pragma once
#include "raceline/primitive/primitive.h"

namespace raceline {

/// The primitive's processor, but for a copy between devices.
inline DeviceId device_of_inputs(const Primitive& primitive, const LayerDesc& layer) {
  return layer.op == OpKind::reorder ? layer.as<ReorderParams>().from.device : primitive.info().processor;
}

inline DeviceId device_of_outputs(const Primitive& primitive, const LayerDesc& layer) {
  return layer.op == OpKind::reorder ? layer.as<ReorderParams>().to.device : primitive.info().processor;
}

}  // namespace raceline
