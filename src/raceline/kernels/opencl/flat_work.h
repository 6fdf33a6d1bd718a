// Work on tensors as rows of numbers, each work-item some of them. Private to kernels/opencl.
#pragma once
#include "raceline/kernels/opencl/opencl_common.h"

namespace raceline {

/// Elements of one work-item, a multiple of 16, where there are so many and each costs so many operations.
inline int64_t elements_per_item(const OpenClDevice& device, int64_t elements, double operations) {
  const int64_t vectors = (elements + 15) / 16;
  return 16 * grain(device, vectors, 16 * operations);
}

inline size_t items_for(int64_t elements, int64_t each) {
  return static_cast<size_t>((elements + each - 1) / each);
}

}  // namespace raceline
