// libxsmm: products of every shape that a layer is cut into, and no BLAS that leaves the library.
#include <gtest/gtest.h>

#include "tests/kernels/primitive_check.h"

#ifdef RACELINE_HAS_LIBXSMM

namespace raceline {
namespace {

class Libxsmm : public ::testing::Test, protected PrimitiveBench {
 protected:
  /// All of the library's primitives that support the layer are right; there are `count`.
  void expect_all_right(const std::string& key, int count) {
    int able = 0;
    for (const Primitive* primitive : registry.candidates(LayerDesc::parse(key))) {
      if (primitive->info().library != "libxsmm") continue;
      ++able;
      expect_right(primitive->name(), key);
    }
    EXPECT_EQ(able, count) << key;
  }
};

TEST_F(Libxsmm, TilesOfFiltersAndColumnsOfPixelsMayBeCutOff) {
  expect_all_right("conv2d 1x20x5x150 70x20x3x3* 70* pads_begin=1x1 pads_end=1x1 +relu", 3);
  expect_all_right("conv2d 2x33x9x9 33x33x1x1* 33* 2x33x9x9 +add +relu", 3);
  expect_all_right("conv2d 3x16x9x9 16x16x1x1* stride=2x2", 3);
}

// In nhwc the pixels under a row of the kernel are one sum, for which the library wants rows apart.
TEST_F(Libxsmm, FewChannelsAreSummedAlongTheKernelsRows) {
  expect_all_right("conv2d 1x3x31x33 20x3x7x7* 20* stride=2x2 pads_begin=3x3 pads_end=3x3 +relu", 3);
  expect_all_right("conv2d 1x3x45x47 40x3x11x11* 40* 1x40x9x10 stride=4x4 +add", 3);
  expect_all_right("conv2d 1x1x9x2 5x1x3x5* pads_begin=1x2 pads_end=1x2", 3);
  expect_all_right("conv2d 1x5x9x9 5x5x3x3* dilation=1x2 pads_begin=1x2 pads_end=1x2", 3);
}

TEST_F(Libxsmm, GroupsOfWholeBlocksAreDoneInBlockedLayouts) {
  expect_all_right("conv2d 2x64x7x7 32x32x3x3* 32* group=2 pads_begin=1x1 pads_end=1x1", 3);
  expect_all_right("conv2d 1x24x7x7 48x8x1x1* group=3 stride=2x1", 2);
  expect_all_right("conv2d 1x12x10x11 18x4x3x3* 18* group=3 pads_begin=0x2 pads_end=3x0", 1);
  expect_refused("conv2d.libxsmm.brgemm.nhwc@cpu", "conv2d 1x32x9x9 32x1x3x3* group=32", "no product");
}

TEST_F(Libxsmm, FullyConnectedLayersTakeBothStoragesOfWeights) {
  expect_all_right("gemm 1x100 70x100* 70* trans_b=1 +relu", 1);
  expect_all_right("gemm 65x100 100x70* 1x70* 65x70 alpha=0.5 beta=2 +add", 1);
  expect_all_right("matmul 2x3x17 17x33*", 1);
  expect_refused("gemm.libxsmm.gemm.nchw@cpu", "gemm 4x24 24x40", "not constant");
}

}  // namespace
}  // namespace raceline

#endif
