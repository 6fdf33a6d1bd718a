// Raceline's own Winograd: every tile size with every set of instructions, and how large its errors are.
#include "raceline/kernels/native/winograd.h"

#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "raceline/base/random.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/profile/operands.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

class Winograd : public ::testing::Test, protected PrimitiveBench {};

/// A layer that the first or last size of the family is made for.
LayerDesc layer_of(const WinogradSize& size, int64_t images, int64_t channels, int64_t filters,
                   int64_t height, int64_t width, int pad) {
  ConvParams params;
  params.pads_begin = {size.r_h > 1 ? pad : 0, size.r_w > 1 ? pad : 0};
  params.pads_end = {size.r_h > 1 ? pad / 2 : 0, size.r_w > 1 ? pad : 0};
  return LayerDesc::make(
      OpKind::conv2d, params,
      {{.desc = {DataType::f32, {images, channels, height, width}}},
       {.desc = {DataType::f32, {filters, channels, size.r_h, size.r_w}}, .constant = true},
       {.desc = {DataType::f32, {filters}}, .constant = true}});
}

/// The layer as the largest of each 2x2 of its results.
LayerDesc pooled(const LayerDesc& conv) {
  return LayerDesc::make(OpKind::conv2d_max_pool, ConvMaxPoolParams{conv.as<ConvParams>(), {2, 2}},
                         conv.inputs);
}

/// Layers that end within a tile, a vector of channels and a block of filters. Lazy ones take few tiles.
std::vector<LayerDesc> tails_of(const WinogradFamily& family, const WinogradSize& size) {
  if (family.lazy) {
    return {layer_of(size, 1, 1, 1, 7, 7, 0), layer_of(size, 2, 19, 37, 5, 8, 1),
            layer_of(size, 1, 33, 16, 6, 7, 3), layer_of(size, 3, 16, 50, 4, 4, 1)};
  }
  return {layer_of(size, 1, 1, 1, 7, 7, 0), layer_of(size, 2, 19, 37, 13, 11, 1),
          layer_of(size, 1, 33, 16, 9, 26, 3), layer_of(size, 3, 16, 50, 8, 7, 2)};
}

TEST_F(Winograd, IsRightWithEverySetOfInstructionsAtEveryTailOfTilesChannelsAndFilters) {
  for (const WinogradFamily& family : winograd_families()) {
    for (const Layout layout : all_layouts) {
      for (const Isa most : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        for (const OpKind op : {OpKind::conv2d, OpKind::conv2d_max_pool}) {
          if (op == OpKind::conv2d_max_pool && !family.can_pool()) continue;
          const auto primitive = make_winograd(op, family, layout, most);
          for (const WinogradSize& size : family.sizes) {
            for (const LayerDesc& conv : tails_of(family, size)) {
              const LayerDesc layer = op == OpKind::conv2d ? conv : pooled(conv);
              ASSERT_TRUE(primitive->supports(layer)) << primitive->supports(layer).why();
              for (const int threads : {1, 3}) {
                EXPECT_LE(error(*primitive, layer, 11, threads), family.error_bound)
                    << primitive->name() << " with " << lanes_of(most) << " lanes on " << layer.key() << ", "
                    << threads << " threads";
              }
            }
          }
        }
      }
    }
  }
}

TEST_F(Winograd, CutsLargeLayersIntoChunksThatSeveralThreadsCompute) {
  for (const char* name : {"conv2d.native.wino_2x3.nhwc@cpu", "conv2d.native.wino_4x3.nchw16c@cpu",
                           "conv2d.native.wino_6x3.nchw8c@cpu", "conv2d.native.wino_4x3.nchw@cpu"}) {
    expect_right(name, "conv2d 1x24x75x80 40x24x3x3* 40* pads_begin=1x1 pads_end=1x1 +relu");
    expect_right(name,
                 "conv2d 2x64x41x40 64x32x3x3* 64* 2x64x41x40 pads_begin=1x1 pads_end=1x1 group=2 +add");
  }
}

// The errors of docs/winograd.md. The bound must hold with a factor to spare.
TEST_F(Winograd, ErrorsAgainstDoublePrecisionStayBelowTheStatedBounds) {
  for (const WinogradFamily& family : winograd_families()) {
    double largest = 0;
    std::string where;
    for (uint64_t seed = 1; seed <= 100; ++seed) {
      Random random(seed);
      const WinogradSize size = family.sizes[seed % family.sizes.size()];
      const auto draw = [&](int64_t low, int64_t high) { return low + random.below(high - low + 1); };
      const int64_t least = family.lazy ? 4 : 7, most = family.lazy ? 7 : 16;
      const LayerDesc layer = layer_of(size, 1, draw(1, 200), draw(1, 40), draw(least, most),
                                       draw(least, most), static_cast<int>(draw(0, 2)));
      for (const Isa isa : {Isa::baseline, Isa::avx512}) {
        const double found = error(*make_winograd(OpKind::conv2d, family, Layout::nhwc, isa), layer, seed);
        if (found > largest) {
          largest = found;
          where = layer.key();
        }
      }
    }
    fmt::print("{}: largest error {:.2g} of the largest output, on {}; bound {:.2g}\n", family.algorithm,
               largest, where, family.error_bound);
    EXPECT_LT(largest, family.error_bound);
    EXPECT_GT(largest, family.error_bound / 50) << "the bound says little";
  }
}

TEST_F(Winograd, SaysWhatItKeepsAndWhatItNeeds) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x32x28x28 64x32x3x3* 64* pads_begin=1x1 pads_end=1x1");
  const Primitive& primitive = registry.at("conv2d.native.wino_4x3.nhwc@cpu");
  Tensor filters(layer.inputs[1].desc), bias(layer.inputs[2].desc);
  std::fill_n(filters.data<float>(), filters.desc().stored_elements(), 1.0f);
  std::fill_n(bias.data<float>(), bias.desc().stored_elements(), 1.0f);
  const std::vector<TensorView> constants = {{}, filters.view(), bias.view()};
  const auto kernel = primitive.prepare(layer, {constants, device, 1});
  EXPECT_EQ(kernel->packed_bytes(), size_t{36 * 32 * 64 * 4});
  const LayerDesc small = LayerDesc::parse("conv2d 1x32x7x7 64x32x3x3* 64* pads_begin=1x1 pads_end=1x1");
  EXPECT_EQ(registry.at("conv2d.native.wino_4x3_lazy.nhwc@cpu")
                .prepare(small, {constants, device, 1})
                ->packed_bytes(),
            size_t{18 * 32 * 64 * 4})
      << "half as much";
  EXPECT_FALSE(kernel->reads_constant(1));
  EXPECT_TRUE(kernel->reads_constant(2));
  // At least one block of tiles, at most all 49 at once.
  EXPECT_GE(primitive.workspace_bytes(layer, 1), size_t{36 * (32 + 64) * 4});
  EXPECT_LE(primitive.workspace_bytes(layer, 1), size_t{36 * (32 + 64) * 49 * 4 + 36 * 2 * 64});
}

// The pixel is the first of a window, which only one of the tile's outputs depends on: the other three that
// are compared with it are numbers.
TEST_F(Winograd, KeepsWhatIsNotANumberWhenItPools) {
  const LayerDesc layer =
      LayerDesc::parse("conv2d_max_pool 1x16x8x8 16x16x3x3* - pads_begin=1x1 pads_end=1x1 window=2x2");
  std::vector<Tensor> operands = random_operands(layer, 3);
  operands[0].data<float>()[3 * 8 + 3] = std::numeric_limits<float>::quiet_NaN();
  const std::vector<TensorView> constants = {{}, operands[1].view()};
  for (const Layout layout : all_layouts) {
    const Tensor x = with_layout(operands[0].view(), layout);
    for (const Isa most : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      const auto primitive = make_winograd(OpKind::conv2d_max_pool, winograd_families()[0], layout, most);
      const auto kernel = primitive->prepare(layer, {constants, device, 1});
      Tensor y(layer.outputs[0].with(layout));
      Tensor workspace({DataType::u8, {static_cast<int64_t>(primitive->workspace_bytes(layer, 1))}});
      const std::vector<TensorView> inputs = {x.view(), {}};
      const TensorView output = y.view();
      const auto queue = device.make_queue(1);
      ASSERT_TRUE(kernel->run({inputs, {&output, 1}, workspace.view().memory, *queue}).is_ok());
      const Tensor found = with_layout(output, Layout::nchw);
      EXPECT_TRUE(std::isnan(found.data<float>()[2 * 4 + 2])) << primitive->name() << ", " << lanes_of(most);
      EXPECT_FALSE(std::isnan(found.data<float>()[0])) << primitive->name() << ", " << lanes_of(most);
    }
  }
}

TEST_F(Winograd, RefusesWhatItIsNotMadeFor) {
  expect_refused("conv2d_max_pool.native.wino_4x3.nchw16c@cpu",
                 "conv2d_max_pool 1x16x8x8 16x16x3x3* 16* window=2x3", "windows of 2x2 only");
  const std::string name = "conv2d.native.wino_4x3.nchw16c@cpu";
  expect_refused(name, "conv2d 1x16x8x8 16x16x5x5* 16*", "3x3 only");
  expect_refused(name, "conv2d 1x16x8x8 16x16x3x3* 16* stride=2x1", "stride 1");
  expect_refused(name, "conv2d 1x16x8x8 16x16x3x3* 16* dilation=1x2", "dilation");
  expect_refused(name, "conv2d 1x16x8x8 16x16x3x3 16", "not constant");
  expect_refused(name, "conv2d 1x32x8x8 32x1x3x3* 32* group=32", "one channel a group");
  expect_refused(name, "conv2d 1x24x8x8 24x12x3x3* 24* group=2", "blocks of 16");
  expect_refused("conv2d.native.wino_4x3_lazy.nhwc@cpu", "conv2d 1x16x14x14 16x16x3x3* 16*",
                 "more than 8 tiles");
  expect_refused("conv2d.native.wino1d_6x3.nhwc@cpu", "conv2d 1x16x8x8 16x16x3x3* 16*", "1x3 or 3x1 only");
}

}  // namespace
}  // namespace raceline
