// One axis of a transposed convolution: which output position an input position and a tap fall on.
#pragma once
#include <algorithm>
#include <cstdint>

namespace raceline {

struct TransposedAxis {
  int64_t in = 1, out = 1, kernel = 1, stride = 1, dilation = 1, pad = 0;

  /// Where tap k of input position i falls; may lie outside of the output.
  int64_t target(int64_t i, int64_t k) const { return i * stride - pad + k * dilation; }
  /// The input position whose tap k falls on output position o, or -1.
  int64_t source(int64_t o, int64_t k) const {
    const int64_t scaled = o + pad - k * dilation;
    if (scaled < 0 || scaled % stride != 0 || scaled / stride >= in) return -1;
    return scaled / stride;
  }
  /// The input positions [first, last) whose tap k falls inside of the output.
  int64_t first(int64_t k) const {
    const int64_t missing = pad - k * dilation;
    return missing <= 0 ? 0 : std::min(in, (missing + stride - 1) / stride);
  }
  int64_t last(int64_t k) const {
    const int64_t room = out - 1 + pad - k * dilation;
    return room < 0 ? 0 : std::min(in, room / stride + 1);
  }
};

}  // namespace raceline
