// conv2d by Fourier transforms of overlapping tiles (overlap-save): a tile of T x T pixels gives
// (T - r + 1)^2 outputs of an r x r kernel for 2 T^2 products of a channel and a filter, where the definition
// has r^2 an output. Source: Mathieu, Henaff, LeCun, Fast Training of Convolutional Networks through FFTs,
// 2013; Zlateski, Jia, Li, Durand, The Anatomy of Efficient FFT and Winograd Convolutions on Modern CPUs,
// 2019. Filters are transformed once; a chunk of tiles of the image is transformed, multiplied as complex
// matrices for each frequency, and transformed back. It should win for 5x5 and larger kernels with many
// channels. Its errors are near those of a direct convolution, whatever the kernel.
// Limits: f32, constant filters, more than one channel a group, kernels that leave a tile enough outputs and
// are not too small for it.
#include <algorithm>

#include <fmt/format.h>

#include "raceline/kernels/native/fft.h"
#include "raceline/kernels/native/fft_stages.h"
#include "raceline/kernels/native/tile_primitive.h"
#include "raceline/primitive/registry.h"

namespace raceline {
namespace {

/// Filters that grow by more are larger than what a smaller tile needs by more than the products are fewer.
constexpr int64_t most_growth = 64;

template <int lanes>
constexpr TileBlocking blocking_with = {lanes, TileBlock<lanes, 2>::rows, TileBlock<lanes, 2>::vectors};

TileBlocking blocking_of(int lanes) {
  return lanes == 16 ? blocking_with<16> : lanes == 8 ? blocking_with<8> : blocking_with<4>;
}

class FftPrimitive final : public TilePrimitive {
 public:
  FftPrimitive(int tile, Layout layout, Isa most)
      : TilePrimitive(OpKind::conv2d, fmt::format("fft_{0}x{0}", tile), layout, most, fft_error_bound),
        tile_(tile) {}

 protected:
  Support check(const LayerDesc& layer) const override {
    const Conv2dShape conv = Conv2dShape::of(layer);
    if (conv.groups > 1 && conv.channels == 1)
      return Support::no("one channel a group: the products would be sums of one term");
    const int block = block_of(info().input);
    if (conv.groups > 1 && (conv.channels % block != 0 || conv.filters % block != 0))
      return Support::no(fmt::format("groups that don't fill blocks of {}", block));
    const int64_t most = tile_ == fft_tiles.back() ? tile_ - 1 : tile_ / 2 + 1;
    const int64_t height = span(conv.kernel_h, conv.dilation_h), width = span(conv.kernel_w, conv.dilation_w);
    if (height > most || width > most)
      return Support::no(fmt::format("the kernel spans {}x{} pixels, of a tile of {} at most {}", height,
                                     width, tile_, most));
    // Outputs between those of a stride are computed for nothing.
    const TileSize size = size_of(conv);
    const int64_t products = 2 * int64_t{tile_} * tile_, outputs = size.out_h * size.out_w;
    if (products >= conv.kernel_h * conv.kernel_w * outputs)
      return Support::no(fmt::format("{} products for a tile of {} outputs, by the definition {}", products,
                                     outputs, conv.kernel_h * conv.kernel_w * outputs));
    const int64_t taps = conv.kernel_h * conv.kernel_w;
    if (int64_t{tile_} * tile_ > most_growth * taps)
      return Support::no(fmt::format("the transformed filters would be {} times the filters, more than {}",
                                     int64_t{tile_} * tile_ / taps, most_growth));
    return Support::yes();
  }

  TileShape shape(const LayerDesc& layer) const override {
    return TileShape::of(layer, size_of(Conv2dShape::of(layer)), blocking_of(lanes()), info().input);
  }

  TileStages stages(const LayerDesc&) const override {
    return lanes() == 16 ? fft_stages<16>(tile_) : lanes() == 8 ? fft_stages<8>(tile_) : fft_stages<4>(tile_);
  }

  void pack(const LayerDesc&, const TileShape& shape, const float* filters, float* packed) const override {
    pack_fft_filters(shape, filters, packed);
  }

 private:
  static int64_t span(int64_t kernel, int64_t dilation) { return (kernel - 1) * dilation + 1; }

  TileSize size_of(const Conv2dShape& conv) const {
    const auto outputs = [&](int64_t kernel, int64_t dilation, int64_t stride) {
      return (tile_ - span(kernel, dilation)) / stride + 1;
    };
    return {outputs(conv.kernel_h, conv.dilation_h, conv.stride_h),
            outputs(conv.kernel_w, conv.dilation_w, conv.stride_w),
            tile_,
            tile_,
            int64_t{tile_} * tile_ / 2,
            2,
            2};
  }

  int tile_;
};

}  // namespace

std::unique_ptr<Primitive> make_fft(int tile, Layout layout, Isa most) {
  return std::make_unique<FftPrimitive>(tile, layout, most);
}

void register_conv2d_native_fft(PrimitiveRegistry& registry) {
  for (const int tile : fft_tiles) {
    for (const Layout layout : all_layouts) registry.add(make_fft(tile, layout, Isa::avx512));
  }
}

}  // namespace raceline
