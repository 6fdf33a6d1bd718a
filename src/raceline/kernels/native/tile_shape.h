// A convolution cut into tiles whose transforms are multiplied (Winograd, FFT), and these into chunks whose
// transforms stay in the caches.
#pragma once
#include <cstdint>
#include <functional>

#include "raceline/kernels/common/im2col.h"

namespace raceline {

/// A tile of outputs, the window of inputs that they need, and what a window's transform consists of.
struct TileSize {
  int64_t out_h, out_w;
  int64_t window_h, window_w;
  int64_t positions;       ///< numbers of a transform
  int64_t planes = 1;      ///< floats of a position: 2 when it is complex
  int64_t real_pairs = 0;  ///< so many positions come first whose two planes are real numbers
  int64_t row_taps = 0;    ///< of filters whose rows are transformed when they are used; 0: beforehand
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
struct TileBlocking {
  int lanes;    ///< of a vector
  int rows;     ///< tiles of the largest block of accumulators
  int vectors;  ///< of filters, of that block
};

/// All extents of a layer by tiles. Channels and filters are those of a group.
struct TileShape {
  Conv2dShape conv;
  TileSize size;
  TileBlocking blocking;
  ImageForm x, y;
  int64_t tiles_h, tiles_w;
  int64_t channel_vectors, filter_vectors;

  static TileShape of(const LayerDesc& layer, const TileSize& size, TileBlocking blocking, Layout layout);
  int64_t tiles() const { return conv.images * tiles_h * tiles_w; }
  int64_t channels() const { return channel_vectors * blocking.lanes; }
  int64_t filters() const { return filter_vectors * blocking.lanes; }
  /// Terms of the products: channels, up to a multiple of 4.
  int64_t depth() const { return (conv.channels + 3) / 4 * 4; }
  /// Parts of the products that are computed one after the other: positions, or the window's rows of them.
  int64_t products() const { return size.row_taps > 0 ? size.window_h : size.positions; }
  /// Blocks of filters; the last may hold fewer vectors.
  int64_t filter_blocks() const { return (filter_vectors + blocking.vectors - 1) / blocking.vectors; }
  /// Filters of a block.
  int64_t wide() const { return int64_t{blocking.vectors} * blocking.lanes; }
  /// Elements of one position of a group's transformed filters: [filter block][channel][plane][filter].
  int64_t packed_step() const { return size.planes * depth() * filters(); }
  /// Elements of the transformed filters of one group: [position] of these. Filters of which only the columns
  /// are transformed come as [row of the window][filter block][channel][tap][filter].
  int64_t packed_elements() const {
    return (size.row_taps > 0 ? size.window_h * size.row_taps : size.positions) * packed_step();
  }
};

/// transform(filters, channel, to, step) for some filters, counted over all groups, and a channel: writes
/// plane q of position p of the i-th (or of row p / row_taps, tap p % row_taps) to to[(p * planes + q) * step
/// + i]. What has no filter or channel is filled with zeros.
void pack_tile_filters(const TileShape& shape, float* packed,
                       const std::function<void(Slice, int64_t, float*, int64_t)>& transform);

/// The tiles of a layer in chunks: each is transformed, multiplied and transformed back before the next.
struct TileChunks {
  int64_t count = 1;
  int64_t largest = 1;  ///< tiles of the largest
  /// Threads share the work of a chunk, not the chunks: there are too few of them.
  bool shared = false;

  static TileChunks choose(const TileShape& shape, int threads);
  Slice chunk(const TileShape& shape, int64_t index) const;
  /// Floats from one position to the next, of the transformed image and of the products. Not a power of two,
  /// which would put all positions of a tile into one set of the cache.
  static int64_t input_step(const TileShape& shape, int64_t tiles) {
    return shape.size.planes * tiles * shape.channels() + 16;
  }
  static int64_t output_step(const TileShape& shape, int64_t tiles) {
    return shape.size.planes * tiles * shape.filters() + 16;
  }
  /// Scratch of one chunk.
  int64_t elements(const TileShape& shape) const {
    return shape.size.positions * (input_step(shape, largest) + output_step(shape, largest));
  }
};

}  // namespace raceline
