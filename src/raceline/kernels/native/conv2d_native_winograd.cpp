// conv2d by Winograd's minimal filtering: F(m x m, r x r) computes a tile of m x m outputs from a window of
// (m + r - 1)^2 inputs with as many products, where the definition has m^2 r^2. Source: Lavin and Gray, Fast
// Algorithms for Convolutional Neural Networks, 2015. Filters are transformed once; a chunk of tiles of the
// image is transformed, multiplied position by position, and transformed back. For 1xn and nx1 kernels the
// same along one axis. It should win for 3x3 and larger kernels with many channels. A lazy one transforms the
// rows of the filters when they are used: half as many bytes are kept and read, which should win for images
// of few tiles. conv2d_max_pool stores the largest of each 2x2 outputs of a tile, which are never written
// themselves. Limits: f32, constant filters, stride 1, no dilation, more than one channel a group; rounding
// errors are larger than those of a direct convolution, the more the larger the window.
#include <fmt/format.h>

#include "raceline/kernels/common/checks.h"
#include "raceline/kernels/native/tile_primitive.h"
#include "raceline/kernels/native/winograd.h"
#include "raceline/kernels/native/winograd_stages.h"
#include "raceline/primitive/registry.h"

namespace raceline {
namespace {

template <int lanes>
constexpr TileBlocking blocking_with = {lanes, TileBlock<lanes, 1>::rows, TileBlock<lanes, 1>::vectors};

TileBlocking blocking_of(int lanes) {
  return lanes == 16 ? blocking_with<16> : lanes == 8 ? blocking_with<8> : blocking_with<4>;
}

class WinogradPrimitive final : public TilePrimitive {
 public:
  WinogradPrimitive(OpKind op, const WinogradFamily& family, Layout layout, Isa most)
      : TilePrimitive(op, family.algorithm, layout, most, family.error_bound), family_(family) {}

 protected:
  Support check(const LayerDesc& layer) const override {
    const WinogradSize* size = size_of(layer);
    if (size == nullptr) return Support::no(fmt::format("not for kernels of this size: {}", sizes()));
    if (pools() && !family_.can_pool()) return Support::no("tiles do not hold whole windows");
    if (pools() && layer.as<ConvMaxPoolParams>().window != std::vector<int64_t>{2, 2})
      return Support::no("windows of 2x2 only");
    const Conv2dShape shape = Conv2dShape::of(layer);
    if (shape.stride_h != 1 || shape.stride_w != 1) return Support::no("stride 1 only");
    if (shape.dilation_h != 1 || shape.dilation_w != 1) return Support::no("no dilation");
    if (shape.groups > 1 && shape.channels == 1)
      return Support::no("one channel a group: the products would be sums of one term");
    const int block = block_of(info().input);
    if (shape.groups > 1 && (shape.channels % block != 0 || shape.filters % block != 0))
      return Support::no(fmt::format("groups that don't fill blocks of {}", block));
    if (family_.lazy && this->shape(layer).tiles() > 2 * lazy_tiles)
      return Support::no(fmt::format("more than {} tiles: filters are transformed anew for each {}",
                                     2 * lazy_tiles, lazy_tiles));
    return Support::yes();
  }

  TileShape shape(const LayerDesc& layer) const override {
    TileBlocking blocking = blocking_of(lanes());
    if (family_.lazy) blocking.rows = lazy_tiles;
    return TileShape::of(layer, size_of(layer)->tile(family_.lazy), blocking, info().input);
  }

  TileStages stages(const LayerDesc& layer) const override {
    const WinogradSize& size = *size_of(layer);
    const int64_t pool = pools() ? 2 : 1;
    return lanes() == 16  ? winograd_stages<16>(size, family_.lazy, pool)
           : lanes() == 8 ? winograd_stages<8>(size, family_.lazy, pool)
                          : winograd_stages<4>(size, family_.lazy, pool);
  }

  void pack(const LayerDesc& layer, const TileShape& shape, const float* filters,
            float* packed) const override {
    pack_winograd_filters(shape, *size_of(layer), filters, packed);
  }

 private:
  bool pools() const { return info().op == OpKind::conv2d_max_pool; }

  const WinogradSize* size_of(const LayerDesc& layer) const {
    const Shape& weights = layer.inputs[1].desc.shape;
    for (const WinogradSize& size : family_.sizes) {
      if (weights[2] == size.r_h && weights[3] == size.r_w) return &size;
    }
    return nullptr;
  }

  std::string sizes() const {
    std::string text;
    for (const WinogradSize& size : family_.sizes)
      text += fmt::format("{}{}x{}", text.empty() ? "" : " or ", size.r_h, size.r_w);
    return text + " only";
  }

  WinogradFamily family_;
};

}  // namespace

std::vector<WinogradFamily> winograd_families() {
  return {
      {"wino_2x3", {{2, 3, 2, 3}}, 3e-6},
      {"wino_4x3", {{4, 3, 4, 3}}, 1e-5},
      {"wino_4x3_lazy", {{4, 3, 4, 3}}, 1e-5, true},
      {"wino_6x3", {{6, 3, 6, 3}}, 5e-5},
      {"wino_4x5", {{4, 5, 4, 5}}, 4e-5},
      {"wino1d_6x3", {{1, 1, 6, 3}, {6, 3, 1, 1}}, 1e-5},
      {"wino1d_4x7", {{1, 1, 4, 7}, {4, 7, 1, 1}}, 3e-5},
  };
}

std::unique_ptr<Primitive> make_winograd(OpKind op, const WinogradFamily& family, Layout layout, Isa most) {
  return std::make_unique<WinogradPrimitive>(op, family, layout, most);
}

void register_conv2d_native_winograd(PrimitiveRegistry& registry) {
  for (const WinogradFamily& family : winograd_families()) {
    for (const Layout layout : all_layouts) {
      registry.add(make_winograd(OpKind::conv2d, family, layout, Isa::avx512));
      if (family.can_pool())
        registry.add(make_winograd(OpKind::conv2d_max_pool, family, layout, Isa::avx512));
    }
  }
}

}  // namespace raceline
