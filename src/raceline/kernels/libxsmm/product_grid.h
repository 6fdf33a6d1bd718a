// A convolution (or a fully-connected layer) as many small matrix products that libxsmm generates code for:
// filters x pixels, summed over the taps of the kernel in registers ("batch-reduced"). Private to this
// folder.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/im2col.h"
#include "raceline/primitive/registry.h"

namespace raceline::small_gemm {

/// A generated product: y[n][m] += sum over taps of w[tap][k][m] * x[tap][n][k], with rows of x and y apart
/// as told when it was generated. Offsets are in bytes.
using Product = void (*)(const float* w, const float* x, float* y, const unsigned long long* taps,
                         const unsigned long long* w_offsets, const unsigned long long* x_offsets, ...);

PrimitiveInfo make_info(OpKind op, std::string algorithm, Layout layout);
/// Whether the library generates code for this machine; it says so among the missing ones if not.
bool is_ready(PrimitiveRegistry& registry);
/// Operands of the op itself, without the residual, that are given.
bool has_operand(const LayerDesc& layer, size_t index);

/// How a layer is cut into products.
struct GridShape {
  Conv2dShape conv;
  Layout layout = Layout::nhwc;

  static GridShape of_conv(const LayerDesc& layer, Layout layout);
  static GridShape of_gemm(int64_t rows, int64_t columns, int64_t depth);

  /// Floats between neighbouring pixels: all channels, or a block of them.
  int64_t in_pixel() const;
  int64_t out_pixel() const;
  /// Blocks of channels of the input; one in nhwc.
  int64_t in_blocks() const;
  /// The image that is computed from: the layer's, or the padded copy.
  int64_t image_height() const { return is_padded() ? padded_height() : conv.height; }
  int64_t image_width() const { return is_padded() ? padded_width() : conv.width; }
  /// Rows and columns of the input that the outputs are computed from, padding included.
  int64_t padded_height() const { return (conv.out_h - 1) * conv.stride_h + reach_h(); }
  int64_t padded_width() const { return (conv.out_w - 1) * conv.stride_w + reach_w(); }
  int64_t reach_h() const { return (conv.kernel_h - 1) * conv.dilation_h + 1; }
  int64_t reach_w() const { return (conv.kernel_w - 1) * conv.dilation_w + 1; }
  /// Whether windows leave the image, so that it is copied into a padded one.
  bool is_padded() const;
  /// Floats of one padded image; 0 when none is made.
  int64_t padded_floats() const;
};

/// Element [filter, channel of its group, row, column] of the weights.
using Weight = std::function<float(int64_t filter, int64_t channel, int64_t row, int64_t column)>;

class GridKernel final : public Kernel {
 public:
  /// Packs operand 1; `bias` has a value a filter, or is empty. Throws UnsupportedError when the library
  /// generates no code.
  GridKernel(const GridShape& shape, Epilogue epilogue, const PrepareArgs& args, const Weight& weight,
             std::vector<float> bias);

  /// Weights and bias.
  bool reads_constant(size_t operand) const override { return operand != 1 && operand != 2; }
  size_t packed_bytes() const override { return weights_.bytes() + bias_.size() * sizeof(float); }
  Status run(const KernelArgs& args) const noexcept override;

 private:
  struct Column {  ///< pixels first, first + step, ... of an output row
    int64_t first, size;
    Product whole, last;  ///< with all filters of a tile; with those left over in the last tile of a group
  };

  void choose_tiles();
  void find_taps();
  void generate();
  void pack(const Weight& weight, float* packed) const;
  void pad(const float* image, float* padded, int threads) const;
  /// One tile of filters at a place, which is a column of a row.
  void multiply(const float* x, float* y, int64_t tile, int64_t place) const;
  /// The epilogue at a place of an image, where all channels lie together or for the channels of a tile.
  void finish(float* y, const float* residual, int64_t image, int64_t tile, int64_t place) const;
  void run_image(const float* x, float* y, const float* residual, int64_t image, int threads) const;

  int64_t tiles() const { return shape_.conv.groups * tiles_in_group_; }
  int64_t places() const { return shape_.conv.out_h * static_cast<int64_t>(columns_.size()); }
  bool is_blocked() const { return shape_.layout != Layout::nhwc; }
  /// Filters of the last tile of a group.
  int64_t left_over() const;

  GridShape shape_;
  Epilogue epilogue_;
  int64_t tile_ = 0, tiles_in_group_ = 0;
  int64_t depth_ = 0;        ///< products added up for one tap
  int64_t step_ = 1;         ///< between pixels of a product
  bool merges_row_ = false;  ///< the pixels under a kernel's row lie together and are one tap
  std::vector<Column> columns_;
  std::vector<unsigned long long> w_offsets_, x_offsets_;
  std::vector<float> bias_;  ///< `tile_` values a tile
  PackedBytes weights_;
};

}  // namespace raceline::small_gemm
