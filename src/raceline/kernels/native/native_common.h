// What Raceline's own CPU kernels share: they keep a tensor in the layout it comes in.
#pragma once
#include <string>
#include <utility>

#include "raceline/kernels/common/checks.h"
#include "raceline/primitive/registry.h"

namespace raceline {

inline PrimitiveInfo native_info(OpKind op, std::string algorithm, Layout input, Layout output) {
  return {op, "native", std::move(algorithm), "", "", {}, input, output, ""};
}

/// The order in memory, the same for every layout of rank 4: [image][outer][pixel][inner], where channel
/// c = outer * inner extent + lane. nchw has one lane, nhwc all channels, the blocked layouts a block.
struct ChannelForm {
  int64_t images = 1, outer = 1, pixels = 1, inner = 1;

  /// Of a tensor with at least two dimensions; other ranks than 4 are nchw.
  static ChannelForm of(const TensorDesc& desc) {
    const Shape& shape = desc.shape;
    const int64_t pixels = shape.elements(2, shape.rank());
    switch (desc.layout) {
      case Layout::nchw:
        return {shape[0], shape[1], pixels, 1};
      case Layout::nhwc:
        return {shape[0], 1, pixels, shape[1]};
      case Layout::nchw8c:
      case Layout::nchw16c:
        break;
    }
    const int64_t block = block_of(desc.layout);
    return {shape[0], (shape[1] + block - 1) / block, pixels, block};
  }
  /// Channels as stored, padding included.
  int64_t channels() const { return outer * inner; }
};

}  // namespace raceline
