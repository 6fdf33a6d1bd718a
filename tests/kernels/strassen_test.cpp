// Strassen's product: right with every set of instructions on whatever can be halved, and how large its
// errors are.
#include "raceline/kernels/native/strassen.h"

#include <array>

#include <fmt/format.h>

#include "raceline/base/random.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/kernels/native/strassen_plan.h"
#include "raceline/profile/error_bound.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

constexpr Layout halved_layouts[] = {Layout::nhwc, Layout::nchw8c, Layout::nchw16c};

class Strassen : public ::testing::Test, protected PrimitiveBench {};

TEST(StrassenSteps, GiveTheProductOfTwoMatrices) {
  // On matrices of numbers, by the table that the kernel walks.
  const std::array<double, 4> a = {3, -5, 7, 11}, b = {2, 13, -17, 19};
  const double t1 = b[1] - b[0], t2 = b[3] - t1;
  const std::array<double, 7> factors = {t1, t2, b[3] - b[1], t2 - b[2], b[0], b[2], b[3]};
  std::array<double, 2> tiles{};
  std::array<double, 4> y{};
  for (const StrassenStep& step : strassen_steps) {
    double product = 0;
    for (size_t quarter = 0; quarter < 4; ++quarter) product += step.filters[quarter] * a[quarter];
    product *= factors[static_cast<size_t>(step.image)];
    const auto tile = [&](StrassenStep::Tiles which) -> double& { return tiles[static_cast<size_t>(which)]; };
    if (step.other != StrassenStep::Tiles::none)
      y[static_cast<size_t>(step.filter_half * 2 + step.pixel_half)] = product + tile(step.other);
    const double from = step.from == StrassenStep::Tiles::none ? 0 : tile(step.from);
    if (step.to != StrassenStep::Tiles::none) tile(step.to) = product + from;
  }
  EXPECT_EQ(y, (std::array<double, 4>{a[0] * b[0] + a[1] * b[2], a[0] * b[1] + a[1] * b[3],
                                      a[2] * b[0] + a[3] * b[2], a[2] * b[1] + a[3] * b[3]}));
}

TEST_F(Strassen, IsRightWithEverySetOfInstructionsOnEveryNumberOfPixels) {
  for (const Layout layout : halved_layouts) {
    for (const Isa most : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      const auto primitive = make_strassen(layout, most);
      for (const char* key :
           {"conv2d 1x32x1x1 64x32x1x1* 64*", "conv2d 2x32x7x9 96x32x1x1* 96*",
            "conv2d 1x64x14x14 64x64x1x1* 64* +relu", "conv2d 1x64x7x7 64x64x1x1* 64* 1x64x7x7 +add +relu",
            "conv2d 2x32x5x6 64x32x1x1* 64* +hard_swish", "conv2d 1x96x15x13 160x96x1x1* stride=2x2",
            "conv2d 1x64x36x36 96x64x1x1* 96* +clip(0,6)",
            "conv2d 1x32x5x5 32x32x1x1* pads_begin=1x1 pads_end=1x1",
            "conv2d 1x64x9x11 32x64x3x3* 32* stride=2x2 pads_begin=1x1 pads_end=1x1",
            "conv2d 2x32x20x29 32x32x3x3* 32* dilation=2x2 pads_begin=1x2 pads_end=2x1",
            "conv2d 1x32x30x8 64x32x5x1* 64* pads_begin=2x0 pads_end=2x0"}) {
        const LayerDesc layer = LayerDesc::parse(key);
        ASSERT_TRUE(primitive->supports(layer)) << primitive->supports(layer).why();
        for (const int threads : {1, 3}) {
          EXPECT_LE(error(*primitive, layer, 11, threads), error_bound(*primitive, layer))
              << primitive->name() << " with " << lanes_of(most) << " lanes on " << layer.key() << ", "
              << threads << " threads";
        }
      }
    }
  }
}

TEST_F(Strassen, StaysWithinItsBoundOnRandomLayers) {
  Random random(17);
  double largest = 0;
  for (int count = 0; count < 60; ++count) {
    const Layout layout = halved_layouts[random.below(3)];
    const int64_t channels = 32 * (1 + random.below(random.below(4) == 0 ? 32 : 4));
    const int64_t filters = 32 * (1 + random.below(4)), kernel = random.below(4) == 0 ? 3 : 1;
    const LayerDesc layer =
        LayerDesc::parse(fmt::format("conv2d 1x{0}x{1}x{2} {3}x{0}x{4}x{4}* {3}*", channels,
                                     3 + random.below(12), 3 + random.below(12), filters, kernel));
    const auto primitive = make_strassen(layout, Isa::avx512);
    const double found = error(*primitive, layer, random.next());
    EXPECT_LE(found, error_bound(*primitive, layer)) << primitive->name() << " on " << layer.key();
    largest = std::max(largest, found);
  }
  fmt::print("largest error {:.2g}\n", largest);
}

TEST_F(Strassen, RefusesWhatCannotBeHalved) {
  expect_refused("conv2d.native.strassen.nchw16c@cpu", "conv2d 1x24x8x8 64x24x1x1* 64*", "multiples of");
  expect_refused("conv2d.native.strassen.nchw16c@cpu", "conv2d 1x64x8x8 40x64x1x1* 40*", "multiples of");
  expect_refused("conv2d.native.strassen.nchw16c@cpu", "conv2d 1x64x8x8 64x32x1x1* 64* group=2", "one group");
  expect_refused("conv2d.native.strassen.nchw16c@cpu", "conv2d 1x64x8x8 64x64x1x1 64*", "not constant");
}

}  // namespace
}  // namespace raceline
