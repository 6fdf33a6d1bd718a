// The matrix product that convolutions and dense layers on the accelerator share: a register tile a
// work-item. Private to kernels/opencl.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/opencl/conv_common.h"

namespace raceline {

/// Rows and columns of the tile that a work-item keeps in registers, columns in vectors of 16.
struct RegisterTile {
  int rows = 8, vectors = 2;
  int columns() const { return 16 * vectors; }
  std::string to_string() const;  ///< "8x32"
};

/// How the operands lie.
enum class LeftMatrix : uint8_t {
  packed,  ///< tiles of rows, [k][rows]; what is missing in the last is 0
  rows,    ///< row-major, whatever the number of rows
};
enum class RightMatrix : uint8_t {
  packed,   ///< panels of columns, [k][columns]; what is missing in the last is 0
  offsets,  ///< row k begins at offsets[k], its columns lie in a row. Columns are read in whole vectors:
            ///< fewer than a tile's have to lie before what may not be read.
};

/// C[i][j] = sum over k of A[i][k] * B[k][j], and bias and epilogue. All offsets and steps in elements.
struct TileGemm {
  RegisterTile tile;
  OpenClKernel kernel;

  /// Throws as OpenClDevice::kernel.
  static TileGemm make(OpenClDevice& device, RegisterTile tile, LeftMatrix left, RightMatrix right);

  enum class Bias : cl_int { none, of_rows, of_columns };
  struct Operands {
    Memory a = {}, b = {}, offsets = {}, bias = {}, residual = {}, c = {};  ///< the residual lies as C does
    int64_t m = 0, n = 0, k = 0;
    int64_t a_row = 0;  ///< from one row of A to the next, where A is LeftMatrix::rows
    int64_t c_row = 0;
    /// Columns are the pixels of an image of rows `wide`, of which the first `used` are wanted and lie
    /// without gaps in C. Equal: all are wanted.
    int64_t wide = 1, used = 1;
    /// Products of a batch, and from one to the next.
    int64_t batch = 1, a_step = 0, b_step = 0, bias_step = 0, c_step = 0;
    Bias bias_of = Bias::none;
  };
  Status launch(OpenClQueue& queue, const Operands& operands, const DeviceEpilogue& epilogue) const;
};

/// Rows of a matrix as LeftMatrix::packed wants them, one batch after the other; element(batch, row, k).
template <class Element>
std::vector<float> pack_tile_rows(RegisterTile tile, int64_t batch, int64_t m, int64_t k,
                                  const Element& element) {
  const int64_t tiles = (m + tile.rows - 1) / tile.rows;
  std::vector<float> packed(static_cast<size_t>(batch * tiles * tile.rows * k));
  size_t at = 0;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t first = 0; first < tiles * tile.rows; first += tile.rows) {
      for (int64_t depth = 0; depth < k; ++depth) {
        for (int64_t row = first; row < first + tile.rows; ++row)
          packed[at++] = row < m ? element(b, row, depth) : 0.0f;
      }
    }
  }
  return packed;
}

/// Filters of a convolution as LeftMatrix::packed, in the device's memory: a batch for each group.
inline Buffer upload_filters(OpenClDevice& device, RegisterTile tile, const Conv2dShape& shape,
                             const TensorView& filters) {
  const int64_t m = shape.filters, k = shape.depth();
  const std::span<const float> given = floats_of(filters);
  return upload(device,
                pack_tile_rows(tile, shape.groups, m, k, [&](int64_t group, int64_t row, int64_t depth) {
                  return given[static_cast<size_t>((group * m + row) * k + depth)];
                }));
}

/// Elements of A packed, of one batch.
inline int64_t packed_tile_elements(RegisterTile tile, int64_t m, int64_t k) {
  return (m + tile.rows - 1) / tile.rows * tile.rows * k;
}

/// What the products of an image have in common, however its pixels become the right matrix: filters times
/// pixels, a batch for each group, bias by rows. `out`: elements before the image's in what is written.
inline TileGemm::Operands conv_operands(const TileGemm& gemm, const Conv2dShape& shape, const Buffer& filters,
                                        const Buffer& bias, Memory residual, Memory output, int64_t out) {
  return {.a = filters.memory(),
          .bias = bias.memory(),
          .residual = at_element(residual, out),
          .c = at_element(output, out),
          .m = shape.filters,
          .n = shape.pixels(),
          .k = shape.depth(),
          .c_row = shape.pixels(),
          .batch = shape.groups,
          .a_step = packed_tile_elements(gemm.tile, shape.filters, shape.depth()),
          .bias_step = shape.filters,
          .c_step = shape.filters * shape.pixels(),
          .bias_of = bias.memory() ? TileGemm::Bias::of_rows : TileGemm::Bias::none};
}

}  // namespace raceline
