// Raceline's own FFT convolutions: every tile with every set of instructions, and how large its errors are.
#include "raceline/kernels/native/fft.h"

#include <fmt/format.h>

#include "raceline/base/random.h"
#include "raceline/kernels/native/lanes.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

class Fft : public ::testing::Test, protected PrimitiveBench {};

TEST_F(Fft, IsRightWithEverySetOfInstructionsAtEveryTailOfTilesChannelsAndFilters) {
  for (const int tile : fft_tiles) {
    for (const Layout layout : all_layouts) {
      for (const Isa most : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        const auto primitive = make_fft(tile, layout, most);
        for (const char* key :
             {"conv2d 1x1x7x7 1x1x5x5* 1*", "conv2d 2x19x13x11 37x19x4x5* 37* pads_begin=1x2 pads_end=0x3",
              "conv2d 1x33x9x26 16x33x5x4* 16* pads_begin=3x1 pads_end=1x0 +relu",
              "conv2d 3x16x8x7 50x16x4x4* 50* 3x50x7x8 pads_begin=2x2 pads_end=0x2 +add +clip(-1,1)",
              "conv2d 1x18x40x45 20x18x5x5* pads_begin=2x2 pads_end=2x2"}) {
          const LayerDesc layer = LayerDesc::parse(key);
          ASSERT_TRUE(primitive->supports(layer)) << primitive->supports(layer).why();
          for (const int threads : {1, 3}) {
            EXPECT_LE(error(*primitive, layer, 11, threads), fft_error_bound)
                << primitive->name() << " with " << lanes_of(most) << " lanes on " << layer.key() << ", "
                << threads << " threads";
          }
        }
      }
    }
  }
}

TEST_F(Fft, TakesStridesDilationGroupsAndKernelsNearlyAsLargeAsATile) {
  for (const char* name : {"conv2d.native.fft_16x16.nhwc@cpu", "conv2d.native.fft_16x16.nchw@cpu",
                           "conv2d.native.fft_32x32.nchw16c@cpu", "conv2d.native.fft_32x32.nchw8c@cpu"}) {
    expect_right(name, "conv2d 1x24x33x30 40x24x7x7* 40* stride=2x2 pads_begin=3x3 pads_end=3x3 +relu");
    expect_right(name, "conv2d 2x16x21x30 24x16x7x5* 24* stride=2x1 pads_begin=0x1 pads_end=3x3");
    expect_right(name, "conv2d 1x16x21x30 24x16x4x4* 24* dilation=2x2 pads_begin=3x2 pads_end=3x2");
    expect_right(name, "conv2d 2x64x15x17 96x32x5x5* 96* group=2 pads_begin=2x2 pads_end=2x2");
    expect_right(name, "conv2d 1x20x9x40 24x20x2x8* pads_begin=0x3 pads_end=0x4");
    expect_right(name, "conv2d 1x8x9x9 24x8x5x5* 24* pads_begin=9x6 pads_end=8x9 +softplus");
  }
  for (const char* name : {"conv2d.native.fft_32x32.nhwc@cpu", "conv2d.native.fft_32x32.nchw@cpu"}) {
    expect_right(name, "conv2d 1x12x35x33 17x12x31x31* 17* pads_begin=15x15 pads_end=15x15");
    expect_right(name, "conv2d 1x12x33x38 17x12x11x11* 17* pads_begin=5x5 pads_end=5x5");
  }
}

TEST_F(Fft, CutsLargeLayersIntoChunksThatSeveralThreadsCompute) {
  for (const char* name : {"conv2d.native.fft_8x8.nhwc@cpu", "conv2d.native.fft_16x16.nchw16c@cpu",
                           "conv2d.native.fft_32x32.nchw8c@cpu", "conv2d.native.fft_16x16.nchw@cpu"}) {
    expect_right(name, "conv2d 1x24x52x61 40x24x5x5* 40* pads_begin=2x2 pads_end=2x2 +relu");
    expect_right(name,
                 "conv2d 2x64x26x25 64x32x5x5* 64* 2x64x26x25 pads_begin=2x2 pads_end=2x2 group=2 +add");
  }
}

// The errors of docs/fft.md. The bound must hold with a factor to spare.
TEST_F(Fft, ErrorsAgainstDoublePrecisionStayBelowTheStatedBound) {
  double worst = 0;
  for (const int tile : fft_tiles) {
    double largest = 0;
    std::string where;
    for (uint64_t seed = 1; seed <= 40; ++seed) {
      Random random(seed);
      const auto draw = [&](int64_t low, int64_t high) { return low + random.below(high - low + 1); };
      const int64_t least = tile == 32 ? 4 : 3, most = tile == 8 ? 5 : tile == 16 ? 9 : 13;
      const LayerDesc layer = LayerDesc::parse(
          fmt::format("conv2d 1x{0}x{1}x{2} {3}x{0}x{4}x{5}* {3}* pads_begin=1x2 pads_end=2x0", draw(1, 150),
                      draw(11, 20), draw(11, 20), draw(1, 24), draw(least, most), draw(least, most)));
      for (const Isa most_isa : {Isa::baseline, Isa::avx512}) {
        const double found = error(*make_fft(tile, Layout::nhwc, most_isa), layer, seed);
        if (found > largest) {
          largest = found;
          where = layer.key();
        }
      }
    }
    fmt::print("fft_{0}x{0}: largest error {1:.2g} of the largest output, on {2}; bound {3:.2g}\n", tile,
               largest, where, fft_error_bound);
    EXPECT_LT(largest, fft_error_bound);
    worst = std::max(worst, largest);
  }
  EXPECT_GT(worst, fft_error_bound / 50) << "the bound says little";
}

TEST_F(Fft, SaysWhatItKeepsAndWhatItNeeds) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x32x28x28 64x32x5x5* 64* pads_begin=2x2 pads_end=2x2");
  const Primitive& primitive = registry.at("conv2d.native.fft_16x16.nhwc@cpu");
  Tensor filters(layer.inputs[1].desc), bias(layer.inputs[2].desc);
  std::fill_n(filters.data<float>(), filters.desc().stored_elements(), 1.0f);
  std::fill_n(bias.data<float>(), bias.desc().stored_elements(), 1.0f);
  const std::vector<TensorView> constants = {{}, filters.view(), bias.view()};
  const auto kernel = primitive.prepare(layer, {constants, device, 1});
  EXPECT_EQ(kernel->packed_bytes(), size_t{256 * 32 * 64 * 4});
  EXPECT_FALSE(kernel->reads_constant(1));
  EXPECT_TRUE(kernel->reads_constant(2));
  // At least one tile, at most all 9 at once.
  EXPECT_GE(primitive.workspace_bytes(layer, 1), size_t{256 * (32 + 64) * 4});
  EXPECT_LE(primitive.workspace_bytes(layer, 1), size_t{256 * (32 + 64) * 9 * 4 + 128 * 2 * 64});
}

TEST_F(Fft, RefusesWhatItIsNotMadeFor) {
  const std::string name = "conv2d.native.fft_16x16.nchw16c@cpu";
  expect_refused(name, "conv2d 1x16x30x30 16x16x11x11* 16*", "spans 11x11 pixels");
  expect_refused(name, "conv2d 1x16x30x30 16x16x5x5* 16* dilation=1x4", "spans 5x17 pixels");
  expect_refused(name, "conv2d 1x16x30x30 16x16x1x3* 16*", "85 times the filters");
  expect_refused(name, "conv2d 1x16x30x30 16x16x1x1* 16*", "by the definition");
  expect_refused(name, "conv2d 1x16x30x30 16x16x5x5* 16* stride=2x2 dilation=2x2", "by the definition");
  expect_refused(name, "conv2d 1x16x30x30 16x16x5x5 16", "not constant");
  expect_refused(name, "conv2d 1x32x30x30 32x1x5x5* 32* group=32", "one channel a group");
  expect_refused(name, "conv2d 1x24x30x30 24x12x5x5* 24* group=2", "blocks of 16");
}

}  // namespace
}  // namespace raceline
