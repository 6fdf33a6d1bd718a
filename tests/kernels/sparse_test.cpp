// Products with sparse weights: every format with every set of instructions at every tail, what is packed,
// and what is refused and why.
#include <fmt/format.h>

#include "raceline/kernels/native/conv2d_sparse.h"
#include "raceline/profile/error_bound.h"
#include "raceline/profile/operands.h"
#include "tests/kernels/primitive_check.h"

namespace raceline {
namespace {

class Sparse : public ::testing::Test, protected PrimitiveBench {
 protected:
  /// What a primitive packs of a layer with random operands as sparse as its key says.
  std::unique_ptr<const Kernel> packed(const std::string& name, const LayerDesc& layer) {
    operands = random_operands(layer, 3);
    std::vector<TensorView> constants(operands.size());
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i] && layer.inputs[i].constant) constants[i] = operands[i].view();
    }
    return registry.at(name).prepare(layer, {constants, device, 1});
  }
  std::vector<Tensor> operands;
};

TEST_F(Sparse, ConvolutionIsRightWithEverySetOfInstructionsAtEveryTail) {
  for (const SparseFormat format : {SparseFormat::csr, SparseFormat::block16}) {
    for (const Layout layout : all_layouts) {
      for (const Isa most : {Isa::baseline, Isa::avx2, Isa::avx512}) {
        const auto primitive = make_sparse_conv2d(format, layout, most);
        for (const char* key : {
                 "conv2d 1x3x1x1 16x3x1x1*1/1",
                 "conv2d 2x19x13x11 37x19x3x3*3/2 37* pads_begin=1x1 pads_end=1x1 +relu",
                 "conv2d 3x5x9x8 50x5x2x5*2/1 - 3x50x5x5 pads_begin=1x2 pads_end=0x3 stride=2x2 +add "
                 "+clip(-1,2)",
                 "conv2d 1x16x17x23 33x16x3x3*2/2 33* stride=3x2 dilation=1x2 +tanh",
                 "conv2d 1x40x28x28 24x40x1x1*3/1 24* 1x24x28x28 +add +relu",
                 "conv2d 2x32x7x7 48x32x1x1*4/3 48* stride=2x2",
                 "conv2d 2x64x9x10 96x32x3x3*3/2 96* pads_begin=1x1 pads_end=1x1 group=2 +relu",
                 "conv2d 1x20x6x6 8x20x3x3*40/40 8*",
             }) {
          const LayerDesc layer = LayerDesc::parse(key);
          ASSERT_TRUE(primitive->supports(layer)) << key << ": " << primitive->supports(layer).why();
          for (const int threads : {1, 2, 3}) {
            EXPECT_LE(error(*primitive, layer, 11, threads), error_bound(*primitive, layer))
                << primitive->name() << " on " << key << ", " << threads << " threads";
          }
        }
      }
    }
  }
}

TEST_F(Sparse, LargeImagesAreCutIntoBandsAndManySmallOnesPutTogether) {
  for (const char* name :
       {"conv2d.native.sparse.csr.nchw@cpu", "conv2d.native.sparse.csr.nhwc@cpu",
        "conv2d.native.sparse.block16.nchw16c@cpu", "conv2d.native.sparse.block16.nchw@cpu"}) {
    expect_right(name, "conv2d 1x48x75x80 32x48x3x3*3/2 32* pads_begin=1x1 pads_end=1x1 +relu");
    expect_right(name, "conv2d 1x64x61x67 32x64x1x1*3/2 32*");
    expect_right(name, "conv2d 17x16x7x7 32x16x3x3*3/2 32* 17x32x7x7 pads_begin=1x1 pads_end=1x1 +add");
    expect_right(name, "conv2d 5x16x14x14 32x16x1x1*3/2 32*");
  }
}

TEST_F(Sparse, ProductsAreRightForOneRowAndForMany) {
  for (const char* format : {"csr", "block16"}) {
    const std::string gemm = fmt::format("gemm.native.sparse.{}.nchw@cpu", format);
    expect_right(gemm, "gemm 1x200 200x75*3/2 75* +relu");
    expect_right(gemm, "gemm 1x333 120x333*2/1 120* 1x120 trans_b=1 alpha=0.5 +add +relu");
    expect_right(gemm, "gemm 65x1 65x37*1/1 trans_a=1");
    expect_right(gemm, "gemm 1x64 16x64*40/40 trans_b=1");
    expect_right(fmt::format("matmul.native.sparse.{}.nchw@cpu", format), "matmul 130 130x21*3/2");
    expect_right(gemm, "gemm 37x200 200x75*3/2 75* +relu");
    expect_right(gemm, "gemm 300x90 300x40*3/2 40* trans_a=1 alpha=-2 +sigmoid");
    expect_right(gemm, "gemm 700x600 600x33*4/3 1x33* beta=0");
    expect_right(fmt::format("matmul.native.sparse.{}.nchw@cpu", format), "matmul 3x2x40x130 130x21*3/2");
  }
}

TEST_F(Sparse, KeepsOnlyWhatIsNotZero) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x64x14x14 64x64x3x3*3/3 64* pads_begin=1x1 pads_end=1x1");
  const size_t weights = size_t{64} * 64 * 9;
  const auto csr = packed("conv2d.native.sparse.csr.nchw@cpu", layer);
  EXPECT_FALSE(csr->reads_constant(1));
  EXPECT_TRUE(csr->reads_constant(2));
  EXPECT_GE(csr->packed_bytes(), weights / 8 * 8);
  EXPECT_LE(csr->packed_bytes(), weights / 8 * 8 + 64 * 64);
  const auto blocks = packed("conv2d.native.sparse.block16.nhwc@cpu", layer);
  EXPECT_GE(blocks->packed_bytes(), weights / 8 / 16 * 68);
  EXPECT_LE(blocks->packed_bytes(), weights / 8 / 16 * 68 + 1024);
  const LayerDesc dense = LayerDesc::parse("gemm 1x1024 512x1024*2 512* trans_b=1");
  const size_t kept = size_t{1024} * 512 / 4;
  EXPECT_LE(packed("gemm.native.sparse.csr.nchw@cpu", dense)->packed_bytes(), kept * 8 + 4096);
}

TEST_F(Sparse, IsRefusedForDenseWeightsWithTheReason) {
  const std::string csr = "conv2d.native.sparse.csr.nchw@cpu",
                    block = "conv2d.native.sparse.block16.nhwc@cpu";
  expect_refused(csr, "conv2d 1x16x8x8 16x16x3x3* 16*", "more than half of them are not zero");
  expect_refused(csr, "conv2d 1x16x8x8 16x16x3x3 16", "not constant");
  expect_refused(block, "conv2d 1x16x8x8 16x16x3x3*4 16*", "blocks of 16 output channels");
  expect_refused("conv2d.native.sparse.csr.nchw16c@cpu", "conv2d 1x24x8x8 24x12x3x3*3 24* group=2",
                 "blocks of 16");
  const std::string gemm = "gemm.native.sparse.csr.nchw@cpu";
  expect_refused(gemm, "gemm 1x16 16x16*", "dense");
  expect_refused(gemm, "gemm 4x16 16x16*3 4x16", "not one row");
  expect_refused(gemm, "gemm 4x16 16x16*3 16 beta=2", "beta");
  expect_refused("matmul.native.sparse.csr.nchw@cpu", "matmul 2x4x16 2x16x16*3", "rank 2");
}

}  // namespace
}  // namespace raceline
