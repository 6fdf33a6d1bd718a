// A convolution cut into Winograd tiles, and these into chunks whose transforms stay in the caches.
#pragma once
#include <cstdint>

#include "raceline/kernels/common/im2col.h"

namespace raceline {

/// F(m_h x m_w, r_h x r_w); 1 and 1 along an axis that is not transformed.
struct WinogradSize {
  int m_h, r_h, m_w, r_w;
  int window_h() const { return m_h + r_h - 1; }
  int window_w() const { return m_w + r_w - 1; }
  int positions() const { return window_h() * window_w(); }
};

/// Where the elements of an image are: steps in floats. A block holds channels that lie `channel_step` apart.
struct ImageForm {
  int64_t image_step, block_step, row_step, pixel_step, channel_step, block;

  static ImageForm of(const TensorDesc& desc);
  int64_t offset(int64_t image, int64_t channel, int64_t row, int64_t column) const {
    return image * image_step + channel / block * block_step + channel % block * channel_step +
           row * row_step + column * pixel_step;
  }
  /// offset(0, channel, 0, 0) for a channel that begins a vector of one block.
  int64_t vector_offset(int64_t channel) const {
    return block_step == 0 ? channel : channel / block * block_step + channel % block;
  }
};

/// How the GEMMs of a layer are blocked.
struct WinogradBlocking {
  int lanes;    ///< of a vector
  int rows;     ///< tiles of the largest block of accumulators
  int vectors;  ///< of filters, of that block
};

/// All extents of a layer by Winograd. Channels and filters are those of a group.
struct WinogradShape {
  Conv2dShape conv;
  WinogradSize size;
  WinogradBlocking blocking;
  ImageForm x, y;
  int64_t tiles_h, tiles_w;
  int64_t channel_vectors, filter_vectors;

  static WinogradShape of(const LayerDesc& layer, WinogradSize size, WinogradBlocking blocking,
                          Layout layout);
  int64_t tiles() const { return conv.images * tiles_h * tiles_w; }
  int64_t channels() const { return channel_vectors * blocking.lanes; }
  int64_t filters() const { return filter_vectors * blocking.lanes; }
  /// Blocks of filters; the last may hold fewer vectors.
  int64_t filter_blocks() const { return (filter_vectors + blocking.vectors - 1) / blocking.vectors; }
  /// Elements of the transformed filters of one group: [position][filter block][channel][filter].
  int64_t packed_elements() const { return size.positions() * channels() * filters(); }
};

/// The tiles of a layer in chunks: each is transformed, multiplied and transformed back before the next.
struct WinogradChunks {
  int64_t count = 1;
  int64_t largest = 1;  ///< tiles of the largest
  /// Threads share the work of a chunk, not the chunks: there are too few of them.
  bool shared = false;

  static WinogradChunks choose(const WinogradShape& shape, int threads);
  Slice chunk(const WinogradShape& shape, int64_t index) const;
  /// Floats from one position to the next, of the transformed image and of the products. Not a power of two,
  /// which would put all positions of a tile into one set of the cache.
  static int64_t input_step(const WinogradShape& shape, int64_t tiles) {
    return tiles * shape.channels() + 16;
  }
  static int64_t output_step(const WinogradShape& shape, int64_t tiles) {
    return tiles * shape.filters() + 16;
  }
  /// Scratch of one chunk.
  int64_t elements(const WinogradShape& shape) const {
    return shape.size.positions() * (input_step(shape, largest) + output_step(shape, largest));
  }
};

/// U = G g G^T of all filters of all groups, from [filter][channel][row][column].
void pack_winograd_filters(const WinogradShape& shape, const float* filters, float* packed);

}  // namespace raceline
