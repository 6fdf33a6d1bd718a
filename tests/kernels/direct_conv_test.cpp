// Raceline's own direct convolutions: the same results with every set of instructions, at every border.
#include <fmt/format.h>

#include "raceline/kernels/native/depthwise.h"
#include "raceline/kernels/native/direct.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/profile/error_bound.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

constexpr Isa every_isa[] = {Isa::baseline, Isa::avx2, Isa::avx512};

class DirectConv : public ::testing::Test, protected PrimitiveBench {
 protected:
  void expect_right_with(const Primitive& primitive, const LayerDesc& layer, Isa most) {
    SCOPED_TRACE(fmt::format("{} with {} lanes on {}", primitive.name(), lanes_of(most), layer.key()));
    ASSERT_TRUE(primitive.supports(layer)) << primitive.supports(layer).why();
    for (const int threads : {1, 3}) {
      EXPECT_LE(error(primitive, layer, 5, threads), error_bound(primitive, layer)) << threads << " threads";
    }
  }
};

LayerDesc depthwise_layer(int64_t channels, int64_t height, int64_t width, int64_t kernel, int64_t stride,
                          int64_t pad_begin, int64_t pad_end, int64_t dilation = 1) {
  ConvParams params;
  params.stride = {stride, stride};
  params.dilation = {dilation, dilation};
  params.pads_begin = {pad_begin, pad_begin};
  params.pads_end = {pad_end, pad_end};
  params.group = channels;
  return LayerDesc::make(OpKind::conv2d, params,
                         {{.desc = {DataType::f32, {2, channels, height, width}}},
                          {.desc = {DataType::f32, {channels, 1, kernel, kernel}}, .constant = true},
                          {.desc = {DataType::f32, {channels}}, .constant = true}});
}

TEST_F(DirectConv, DepthwiseIsRightWithEverySetOfInstructionsAtEveryWidth) {
  for (const Layout layout : all_layouts) {
    for (const Isa most : every_isa) {
      const auto primitive = make_depthwise(layout, most);
      for (const int64_t kernel : {3, 5, 7}) {
        for (const int64_t stride : {1, 2}) {
          for (const int64_t width : {7, 8, 9, 14, 15, 17, 33}) {
            expect_right_with(*primitive,
                              depthwise_layer(19, 7, width, kernel, stride, kernel / 2, kernel / 2), most);
          }
        }
      }
    }
  }
}

TEST_F(DirectConv, DepthwiseIsRightWhereBordersAreLargerThanTheImage) {
  for (const Layout layout : all_layouts) {
    for (const Isa most : every_isa) {
      const auto primitive = make_depthwise(layout, most);
      for (const int64_t kernel : {3, 5, 7}) {
        expect_right_with(*primitive, depthwise_layer(20, 1, 1, kernel, 1, kernel - 1, kernel), most);
        expect_right_with(*primitive, depthwise_layer(33, 3, 2, kernel, 2, kernel + 2, 2 * kernel + 3), most);
        expect_right_with(*primitive, depthwise_layer(5, 2, 30, kernel, 1, 0, kernel + 20), most);
      }
    }
  }
}

TEST_F(DirectConv, DepthwiseTakesAnyKernelStrideAndDilation) {
  for (const Layout layout : all_layouts) {
    for (const Isa most : every_isa) {
      const auto primitive = make_depthwise(layout, most);
      expect_right_with(*primitive, depthwise_layer(24, 12, 19, 2, 1, 1, 0), most);
      expect_right_with(*primitive, depthwise_layer(24, 19, 23, 4, 3, 1, 2), most);
      expect_right_with(*primitive, depthwise_layer(17, 19, 23, 3, 1, 3, 2, 3), most);
      expect_right_with(*primitive, depthwise_layer(17, 29, 25, 5, 2, 4, 4, 2), most);
      expect_right_with(*primitive, depthwise_layer(40, 7, 7, 7, 1, 0, 0), most);
      expect_right_with(*primitive, depthwise_layer(6, 25, 21, 11, 4, 5, 5), most);
    }
  }
}

TEST_F(DirectConv, DepthwiseCutsPlanesThatAreLargerThanItsScratch) {
  for (const char* layout : {"nchw", "nhwc", "nchw8c", "nchw16c"}) {
    const std::string name = fmt::format("conv2d.native.depthwise.{}@cpu", layout);
    expect_right(name, "conv2d 1x4x90x300 4x1x3x3* 4* pads_begin=1x1 pads_end=1x1 group=4 +relu");
    expect_right(
        name, "conv2d 1x4x91x301 4x1x5x5* - 1x4x46x151 stride=2x2 pads_begin=2x2 pads_end=2x2 group=4 +add");
    expect_right(name, "conv2d 1x21x60x64 21x1x3x3* 21* pads_begin=1x1 pads_end=1x1 group=21 +hard_swish");
  }
}

TEST_F(DirectConv, DepthwiseSaysWhatItIsNotMadeFor) {
  expect_refused("conv2d.native.depthwise.nhwc@cpu", "conv2d 1x8x8x8 16x1x3x3* 16* group=8",
                 "one filter a channel");
  expect_refused("conv2d.native.depthwise.nchw@cpu", "conv2d 1x8x8x8 8x2x3x3* 8* group=4",
                 "one filter a channel");
  expect_refused("conv2d.native.depthwise.nhwc@cpu", "conv2d 1x3x8x8 3x1x3x3* 3* group=3", "four channels");
  expect_refused("conv2d.native.depthwise.nchw8c@cpu", "conv2d 1x8x8x8 8x1x3x3 8 group=8", "not constant");
}

/// The layouts that a direct primitive exists for.
std::vector<std::pair<Layout, Layout>> direct_layouts() {
  std::vector<std::pair<Layout, Layout>> pairs;
  for (const Layout layout : all_layouts) pairs.emplace_back(layout, layout);
  for (const Layout output : {Layout::nhwc, Layout::nchw8c, Layout::nchw16c})
    pairs.emplace_back(Layout::nchw, output);
  return pairs;
}

TEST_F(DirectConv, FirstLayersAreRightIntoEveryLayoutWithEverySetOfInstructions) {
  for (const auto& [input, output] : direct_layouts()) {
    for (const Isa most : every_isa) {
      const auto primitive = make_direct(input, output, most);
      for (const char* key :
           {"conv2d 1x3x31x37 24x3x3x3* 24* stride=2x2 pads_begin=1x1 pads_end=1x1 +relu",
            "conv2d 2x1x13x29 6x1x5x5* 6* pads_begin=2x2 pads_end=2x2",
            "conv2d 1x3x45x47 33x3x7x7* - 1x33x23x24 stride=2x2 pads_begin=3x3 pads_end=3x3 +add +clip(0,6)",
            "conv2d 1x4x47x51 17x4x11x11* 17* stride=4x4 +hard_swish",
            "conv2d 3x2x3x2 9x2x4x5* 9* pads_begin=6x7 pads_end=5x9 dilation=2x1 stride=1x3"}) {
        expect_right_with(*primitive, LayerDesc::parse(key), most);
      }
    }
  }
}

TEST_F(DirectConv, DirectIsRightAtEveryTailOfPixelsChannelsAndFilters) {
  for (const Layout layout : all_layouts) {
    for (const Isa most : every_isa) {
      const auto primitive = make_direct(layout, layout, most);
      for (const char* key :
           {"conv2d 2x17x5x15 37x17x3x3* 37* 2x37x5x15 pads_begin=1x1 pads_end=1x1 +add +relu",
            "conv2d 1x40x7x7 50x40x1x1* 50*", "conv2d 1x5x1x1 3x5x1x1* 3* +relu",
            "conv2d 1x33x11x12 31x33x1x1* 31* stride=2x2",
            "conv2d 1x32x9x29 64x16x3x3* 64* group=2 stride=2x1 pads_begin=1x0 pads_end=0x2",
            "conv2d 1x64x6x8 64x4x3x3* 64* group=16 pads_begin=1x1 pads_end=1x1 +tanh"}) {
        expect_right_with(*primitive, LayerDesc::parse(key), most);
      }
    }
  }
}

TEST_F(DirectConv, DirectCutsLargeImagesIntoBandsThatSeveralThreadsCompute) {
  for (const char* layout : {"nchw", "nhwc", "nchw8c", "nchw16c"}) {
    const std::string name = fmt::format("conv2d.native.direct.{}@cpu", layout);
    expect_right(name, "conv2d 1x48x61x60 40x48x3x3* 40* pads_begin=1x1 pads_end=1x1 +relu");
    expect_right(name, "conv2d 1x130x50x43 34x130x1x1* 34* 1x34x50x43 +add");
    expect_right(name, "conv2d 1x256x7x7 300x256x1x1* 300* +sigmoid");
  }
}

TEST_F(DirectConv, DirectSaysWhatItIsNotMadeFor) {
  expect_refused("conv2d.native.direct.nhwc@cpu", "conv2d 1x8x8x8 8x1x3x3* 8* group=8", "depthwise");
  expect_refused("conv2d.native.direct.nchw-nhwc@cpu", "conv2d 1x5x8x8 8x5x3x3* 8*", "up to four channels");
  expect_refused("conv2d.native.direct.nchw16c@cpu", "conv2d 1x48x8x8 32x24x3x3* 32* group=2",
                 "blocks of 16");
  expect_refused("conv2d.native.direct.nchw@cpu", "conv2d 1x5x8x8 8x5x3x3 8", "not constant");
}

}  // namespace
}  // namespace raceline
