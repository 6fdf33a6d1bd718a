// What a layer says of its own size: operations and bytes.
#include <gtest/gtest.h>

#include "raceline/graph/layer_desc.h"

namespace raceline {
namespace {

TEST(Flops, CountAMultiplyAddAsTwo) {
  const auto flops = [](const char* key) { return LayerDesc::parse(key).flops(); };
  EXPECT_EQ(flops("conv2d 1x64x56x56 64x64x3x3* pads_begin=1x1 pads_end=1x1"), 2.0 * 64 * 56 * 56 * 64 * 9);
  EXPECT_EQ(flops("conv2d 1x64x56x56 64x64x1x1* 64* +relu"), 64.0 * 56 * 56 * (2 * 64 + 1 + 1));
  EXPECT_EQ(flops("conv2d 1x32x14x14 32x1x3x3* group=32"), 2.0 * 32 * 12 * 12 * 9);
  EXPECT_EQ(flops("conv_transpose 1x8x5x5 8x4x3x3*"), 2.0 * 8 * 25 * 4 * 9);
  // All that is convolved, a comparison for each of four, and the function of what is left.
  EXPECT_EQ(flops("conv2d_max_pool 1x2x7x7 3x2x3x3* 3* window=2x2 +relu"),
            3.0 * 25 * (2 * 18 + 1) + 3 * 4 * 4 + 12);
  EXPECT_EQ(flops("gemm 4x512 512x10* 10*"), 4.0 * 10 * (2 * 512 + 1));
  EXPECT_EQ(flops("matmul 3x4x5 5x6"), 2.0 * 3 * 4 * 5 * 6);
  EXPECT_EQ(flops("max_pool 1x1x4x4 kernel=2x2 stride=2x2"), 16);
  EXPECT_EQ(flops("reshape 3x4 dims=12"), 0);
}

TEST(BytesMoved, CountEachTensorOnceAndAReordersPadding) {
  const auto bytes = [](const char* key) { return LayerDesc::parse(key).bytes_moved(); };
  EXPECT_EQ(bytes("conv2d 1x3x8x8 4x3x3x3* 4*"), 4.0 * (3 * 64 + 4 * 27 + 4 + 4 * 36));
  EXPECT_EQ(bytes("conv2d 1x3x8x8 4x3x3x3* 1x4x6x6 +add"), 4.0 * (3 * 64 + 4 * 27 + 2 * 4 * 36));
  EXPECT_EQ(bytes("max_pool 1x3x8x8 kernel=2x2 stride=2x2 outputs=2"), 4.0 * 3 * 64 + 12.0 * 3 * 16);
  EXPECT_EQ(bytes("reorder 1x3x8x8 from=cpu:nchw to=cpu:nchw8c"), 4.0 * (3 + 8) * 64);
}

}  // namespace
}  // namespace raceline
