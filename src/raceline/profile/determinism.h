// Whether a primitive's result depends on the number of threads, or on the run: found out by running it.
#pragma once
#include <cstdint>
#include <string>

#include "raceline/device/devices.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Runs the primitive on random operands of the layer, with 1, 2 and `threads` threads, three times each, and
/// compares the bits. Empty when all are equal, else the first difference: "another result with 2 threads".
/// Throws what Primitive::prepare throws, IoError when memory is short.
std::string result_varies(const Primitive& primitive, const LayerDesc& layer, Devices devices, int threads,
                          uint64_t seed = 1);

}  // namespace raceline
