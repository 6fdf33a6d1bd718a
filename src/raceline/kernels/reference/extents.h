// Outputs whose size depends on values: the rest of the room is zero, and the size is an output of its own.
#pragma once
#include <algorithm>
#include <cstring>

#include "raceline/primitive/primitive.h"

namespace raceline {

inline void clear_output(const KernelArgs& args) {
  const TensorView& y = args.outputs[0];
  if (y.desc.bytes() > 0) std::memset(y.data<std::byte>(), 0, y.desc.bytes());
}

/// Writes the shape of the part of output 0 that is in use: its own, but `count` along the axis.
inline void write_extents(const KernelArgs& args, int axis, int64_t count) {
  if (args.outputs.size() < 2) return;
  const auto dims = args.outputs[0].desc.shape.dims();
  int64_t* extents = std::copy(dims.begin(), dims.end(), args.outputs[1].data<int64_t>());
  extents[axis - static_cast<int>(dims.size())] = count;
}

}  // namespace raceline
