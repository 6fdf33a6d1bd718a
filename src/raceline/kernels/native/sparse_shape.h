// A product with sparse weights as sums of shifted planes: how the input is laid out for it, and how the work
// is cut.
#pragma once
#include <cstdint>
#include <vector>

#include "raceline/kernels/common/im2col.h"
#include "raceline/tensor/layout.h"

namespace raceline {

/// The input is copied, channel by channel, to planes in which each weight stands for one offset: with its
/// padding, and for strides above 1 split into the phases that kernel elements meet. An output at row y and
/// column x is pixel y * width + x; a weight adds the plane's element at that pixel plus the offset of its
/// kernel element. Rows of a plane are wider than the output by what the kernel reaches beyond; these pixels
/// are computed and dropped.
struct SparsePlanes {
  std::vector<int64_t> phases_h, phases_w;  ///< remainders by the stride that kernel elements have
  int64_t reach_h = 0, reach_w = 0;         ///< the largest shift of a kernel element in a phase
  int64_t width = 0;                        ///< of a plane's row
  int64_t plane = 0;                        ///< elements from plane to plane

  int64_t phases() const { return static_cast<int64_t>(phases_h.size() * phases_w.size()); }
  /// Where element (row, column) of the kernel, of this channel, is for pixel 0.
  int64_t offset(const Conv2dShape& conv, int64_t channel, int64_t row, int64_t column) const;
};

/// A part of the output: rows of one image, or several whole images one below the other.
struct SparseChunk {
  int64_t first_image, images;
  Slice rows;  ///< of the output
};

/// How many pixels a kernel computes at once, and whether it adds to sums that it has begun.
struct SparseTile {
  int64_t least, most;   ///< whole multiples of the first, the second at most
  bool splits_channels;  ///< few enough channels at once that their planes stay in the first-level cache
};

struct SparseShape {
  Conv2dShape conv;
  Layout x = Layout::nchw, y = Layout::nchw;
  int64_t x_channels = 0, y_channels = 0;  ///< of the tensors, all groups together
  /// The input, which is nchw, has the planes already: 1x1, stride 1, whole vectors of pixels.
  bool reads_input = false;
  SparsePlanes planes;
  int64_t bands = 1;             ///< chunks of an image
  int64_t images_per_chunk = 1;  ///< when bands is 1
  int64_t grain = 1;             ///< rows of a band are a multiple of it
  bool shared = false;           ///< threads share a chunk, not the chunks
  int64_t tile = 0;              ///< pixels computed at once, at most
  int64_t block = 0;             ///< channels whose planes stay in the first-level cache under a tile

  static SparseShape of(const LayerDesc& layer, Layout x, Layout y, const SparseTile& tile, int threads);
  /// Of a matrix product: pixels are the rows of A, channels its columns. A is [rows][columns] (nhwc), or the
  /// other way round (nchw).
  static SparseShape of_product(int64_t rows, int64_t inputs, int64_t outputs, Layout a,
                                const SparseTile& tile, int threads);

  int64_t chunks() const { return bands > 1 ? conv.images * bands : parts(conv.images, images_per_chunk); }
  SparseChunk chunk(int64_t index) const;
  /// Rows of a plane that belong to one image.
  int64_t image_rows(const SparseChunk& chunk) const { return chunk.rows.size() + planes.reach_h; }
  /// Pixels from the first output of a chunk to its last.
  int64_t pixels(const SparseChunk& chunk) const {
    return (chunk.images * image_rows(chunk) - planes.reach_h - 1) * planes.width + conv.out_w;
  }
  int64_t tiles(const SparseChunk& chunk) const { return parts(pixels(chunk), tile); }
  /// Pixels of a tile, which begin at a multiple of `tile`.
  Slice tile_of(const SparseChunk& chunk, int64_t index) const;
  int64_t blocks() const { return parts(conv.channels, block); }
  /// Elements of the planes of a chunk of one group.
  int64_t plane_elements() const { return reads_input ? 0 : conv.channels * planes.phases() * planes.plane; }

  static int64_t parts(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

 private:
  void cut(const SparseTile& kernel, int threads);
};

/// Fills the planes of channels [channels) of a group for a chunk. `x` is the whole input.
void fill_sparse_planes(const SparseShape& shape, const float* x, int64_t group, const SparseChunk& chunk,
                        Slice channels, float* planes);

}  // namespace raceline
