// oneDNN: every implementation it offers is a primitive, and what it gets wrong is kept away from it.
#include <algorithm>
#include <filesystem>

#include <gtest/gtest.h>
#include <omp.h>

#include "raceline/base/file.h"
#include "raceline/base/text.h"
#include "tests/kernels/primitive_check.h"

#ifdef RACELINE_HAS_ONEDNN
#include "raceline/kernels/onednn/offered.h"

namespace raceline {
namespace {

class Onednn : public ::testing::Test, protected PrimitiveBench {
 protected:
  /// Every oneDNN primitive that supports the layer is right on it; there is at least one.
  void expect_all_right(const std::string& key) {
    const LayerDesc layer = LayerDesc::parse(key);
    int able = 0;
    for (const Primitive* primitive : registry.candidates(layer)) {
      if (primitive->info().library != "onednn") continue;
      ++able;
      expect_right(primitive->name(), key);
    }
    EXPECT_GT(able, 0) << key;
  }

  /// A kernel for a layer whose constant operands are `constants`.
  std::unique_ptr<const Kernel> prepare(const std::string& name, const LayerDesc& layer,
                                        std::span<const TensorView> constants, int threads) {
    return registry.at(name).prepare(layer, {constants, device, threads});
  }

  static Tensor filled(const TensorDesc& desc, float value) {
    Tensor tensor(desc);
    std::fill_n(tensor.data<float>(), desc.stored_elements(), value);
    return tensor;
  }
};

TEST_F(Onednn, EveryImplementationOfferedOnTheCasesIsInTheTables) {
  int layers = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::filesystem::path(RACELINE_SOURCE_DIR) /
                                                               "tests/kernels/cases")) {
    const std::string content = read_file(entry.path());
    for (const std::string_view line : split(content, '\n')) {
      if (trim(line).empty() || line[0] == '#') continue;
      ++layers;
      const auto unlisted = onednn::unlisted(registry, LayerDesc::parse(trim(line)));
      EXPECT_TRUE(unlisted.empty()) << line << ": " << join(unlisted, ", ");
    }
  }
  EXPECT_GT(layers, 100);
}

TEST_F(Onednn, ImplementationAndLayoutsStandInTheName) {
  // The AVX-512 names stand either among the primitives or, with the reason, among the missing.
  const auto lacking = registry.missing();
  const bool avx512 = std::none_of(lacking.begin(), lacking.end(), [](const Missing& missing) {
    return missing.what == "onednn: conv2d jit:avx512_core";
  });
  for (const char* name :
       {"conv2d.onednn.brgconv.avx512_core.nhwc@cpu", "conv2d.onednn.brgconv_1x1.avx512_core.nhwc@cpu",
        "conv2d.onednn.brdgmm_dw.avx512_core.nhwc@cpu", "conv2d.onednn.jit.avx512_core.nchw16c@cpu",
        "conv2d.onednn.jit.avx512_core.nchw-nchw16c@cpu", "conv2d.onednn.jit.avx512_core.nhwc@cpu",
        "conv2d.onednn.jit_1x1.avx512_core.nchw16c@cpu", "conv2d.onednn.jit_dw.avx512_core.nchw16c@cpu",
        "conv2d.onednn.wino_4x3.avx512_core.nchw16c@cpu", "conv2d.onednn.wino_2x3.avx512_core.nchw16c@cpu",
        "conv_transpose.onednn.jit.avx512_core.nhwc@cpu",
        "conv_transpose.onednn.wino_4x3.avx512_core.nchw16c@cpu", "gemm.onednn.brgemm.avx512_core.nchw@cpu",
        "matmul.onednn.brgemm.avx512_core.nchw@cpu"}) {
    EXPECT_EQ(registry.find(name) != nullptr, avx512) << name;
  }
  for (const char* name :
       {"conv2d.onednn.gemm.nchw@cpu", "conv2d.onednn.gemm.nhwc@cpu", "gemm.onednn.gemm.nchw@cpu",
        "concat.onednn.simple.nhwc@cpu", "max_pool.onednn.simple.nchw@cpu", "binary.onednn.jit.uni.nchw@cpu",
        "conv3d.onednn.gemm.nchw@cpu", "conv_transpose.onednn.gemm.nchw@cpu",
        "binary.onednn.prelu.uni.nhwc@cpu", "reorder.onednn.jit.nchw-nhwc@cpu"}) {
    EXPECT_NE(registry.find(name), nullptr) << name;
  }
}

TEST_F(Onednn, ResidualsAreRightWhereTheLibrarysOwnFusionIsNot) {
  // Lowering to GEMM in nhwc with a binary post-op; brgconv with rows wholly in the padding; a depthwise
  // convolution whose output is one pixel.
  for (const char* key :
       {"conv2d 1x64x4x4 64x64x2x1* 64* 1x64x3x4 +add +softsign",
        "conv2d 1x20x14x14 32x20x3x3* 32* 1x32x18x13 pads_begin=3x0 pads_end=3x1 +add +relu",
        "conv2d 1x12x8x8 16x12x1x1* 1x16x9x8 pads_end=1x0 +relu +add",
        "conv2d 1x32x3x3 32x1x3x3* 32* 1x32x1x1 group=32 +add",
        "conv2d 1x32x14x14 32x32x3x3* 32* 1x32x14x14 pads_begin=1x1 pads_end=1x1 +add +relu"}) {
    expect_all_right(key);
  }
}

TEST_F(Onednn, EveryEpilogueIsDoneFusedOrNot) {
  for (const char* epilogue : {"+relu", "+leaky_relu(0.1)", "+clip(0,6)", "+sigmoid", "+tanh", "+elu(1)",
                               "+hard_swish", "+softsign", "+hard_sigmoid(0.2,0.5)", "+relu +softsign",
                               "+leaky_relu(0.1) +relu", "+elu(1) +elu(0.5)", "+clip(-1,1) +clip(0,6)"}) {
    expect_all_right("conv2d 1x20x9x9 24x20x3x3* 24* pads_begin=1x1 pads_end=1x1 " + std::string(epilogue));
    expect_all_right("gemm 3x40 40x24* 24* " + std::string(epilogue));
  }
}

TEST_F(Onednn, PaddingOfAConvolutionMayBeUneven) {
  for (const char* key : {"conv2d 2x16x9x11 20x16x3x3* 20* stride=2x1 pads_begin=0x1 pads_end=2x3",
                          "conv2d 1x3x20x20 16x3x7x7* 16* stride=2x2 pads_begin=3x3 pads_end=2x2",
                          "conv2d 1x32x9x9 32x1x3x3* group=32 dilation=2x2 pads_begin=2x2 pads_end=2x2"}) {
    expect_all_right(key);
  }
}

TEST_F(Onednn, WhatCannotBeSaidToTheLibraryIsRefusedWithTheReason) {
  expect_refused("conv2d.onednn.gemm.nchw@cpu", "conv2d 1x8x8x8 8x8x3x3", "not constant");
  expect_refused("conv2d.onednn.gemm.nchw@cpu", "conv2d 1x8x8x8:f64 8x8x3x3:f64*", "f64");
  expect_refused("gemm.onednn.gemm.nchw@cpu", "gemm 3x8 8x5* alpha=2", "alpha");
  expect_refused("gemm.onednn.gemm.nchw@cpu", "gemm 3x8 8x5* 3x5", "one row");
  expect_refused("average_pool.onednn.simple.nchw@cpu",
                 "average_pool 1x8x6x6 kernel=3x3 stride=2x2 ceil=1 include_pad=1", "ceil mode");
  expect_refused("max_pool.onednn.simple.nchw@cpu", "max_pool 1x8x6x6 kernel=2x2 dilation=2x2", "dilate");
  expect_refused("concat.onednn.simple.nchw8c@cpu", "concat 1x12x4x4 1x8x4x4 axis=1", "inside a block");
  expect_refused("binary.onednn.jit.uni.nchw@cpu", "binary 1x4x1 1x1x5 kind=add", "one operand");
  expect_refused("reorder.onednn.jit.nchw-nhwc@cpu", "reorder 1x4x5x6 from=cpu:nhwc to=cpu:nchw", "converts");
  expect_refused("conv2d.onednn.gemm.nchw@cpu", "conv2d 1x65536x128x128 8x65536x1x1*", "2 GiB");
}

TEST_F(Onednn, TransposedConvolutionsAreRightInEveryFormOfTheOp) {
  for (const char* key :
       {"conv_transpose 2x20x9x7 20x24x3x2* 24* stride=2x3 pads_begin=1x0 pads_end=0x1 output_padding=1x2",
        "conv_transpose 1x48x7x9 48x8x3x3* group=3 dilation=2x1 +leaky_relu(0.1)",
        "conv_transpose 1x32x14x15 32x16x3x3* 16* pads_begin=1x1 pads_end=1x1",
        "conv_transpose 2x6x3x4x5 6x4x2x3x2* 4* stride=2x1x2", "conv_transpose 2x6x11 6x4x4* 4* stride=2"}) {
    expect_all_right(key);
  }
  expect_refused("conv_transpose.onednn.gemm.nchw@cpu", "conv_transpose 1x8x6x6 8x8x3x3", "not constant");
}

TEST_F(Onednn, ReductionsAndSlopesAreTakenWhereTheGeneratedCodeCan) {
  expect_all_right("reduce 3x40x5x7 kind=mean axes=2x3");
  expect_all_right("reduce 3x40x5x7 kind=max axes=1");
  // That of SSE4.1 stands on every machine.
  expect_refused("reduce.onednn.jit.sse41.nchw@cpu", "reduce 3x40x5x7 kind=max axes=1", "not the last");
  expect_refused("reduce.onednn.jit.sse41.nchw@cpu", "reduce 3x40x5x7 kind=l2 axes=3", "reference");
  expect_all_right("binary 2x40x5x7 40x1x1* kind=prelu");
  expect_refused("binary.onednn.prelu.uni.nchw@cpu", "binary 2x40x5x7 scalar kind=prelu",
                 "one for each channel");
}

TEST_F(Onednn, CeilModeOfPoolingIsTheSame) {
  for (const char* key :
       {"max_pool 1x16x6x7 kernel=3x3 stride=2x2 ceil=1", "max_pool 1x16x5x5 kernel=1x1 stride=3x3 ceil=1",
        "average_pool 1x16x6x6 kernel=3x3 stride=2x2 pads_begin=1x1 pads_end=1x1 ceil=1",
        "average_pool 1x16x7x7 kernel=3x3 stride=2x2 ceil=1 include_pad=1"}) {
    expect_all_right(key);
  }
}

TEST_F(Onednn, ResizeIsTakenWhereTheLibraryPlacesElementsAlike) {
  for (const char* key :
       {"resize 2x19x7x9 sizes=2x19x14x18",
        "resize 2x16x7x9 sizes=2x16x21x18 place=asymmetric rounding=floor",
        "resize 2x19x7x9 sizes=2x19x14x18 mode=linear", "resize 2x32x7x9 sizes=2x32x5x40 mode=linear",
        "resize 1x8x40x40 sizes=1x8x80x80 mode=linear place=pytorch_half_pixel"}) {
    expect_all_right(key);
  }
  const std::string name = "resize.onednn.simple.nchw@cpu";
  // Half of the places lie in the middle of two elements, which the library rounds up.
  expect_refused(name, "resize 1x8x8x8 sizes=1x8x4x4", "otherwise");
  expect_refused(name, "resize 1x8x8x8 sizes=1x8x16x16 mode=linear place=align_corners", "otherwise");
  expect_refused(name, "resize 1x8x8x8 sizes=1x8x17x17 scales=0x0x2.15x2.15 mode=linear", "otherwise");
}

TEST_F(Onednn, WinogradStatesABoundOfItsOwn) {
  const Primitive* winograd = registry.find("conv2d.onednn.wino_4x3.avx512_core.nchw16c@cpu");
  if (winograd == nullptr) GTEST_SKIP() << "the processor has no AVX-512";
  const auto bound = winograd->error_bound(LayerDesc::parse("conv2d 1x16x8x8 16x16x3x3*"));
  ASSERT_TRUE(bound);
  EXPECT_LE(*bound, 2e-5);
  EXPECT_FALSE(
      registry.at("conv2d.onednn.gemm.nchw@cpu").error_bound(LayerDesc::parse("conv2d 1x1x8x8 1x1x3x3*")));
}

TEST_F(Onednn, PackedWeightsAreNotReadAgain) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x16x6x6 16x16x3x3* 16*");
  const Tensor weights = filled(layer.inputs[1].desc, 1);
  const Tensor bias = filled(layer.inputs[2].desc, 5);
  const std::vector<TensorView> constants = {{}, weights.view(), bias.view()};
  for (const Primitive* primitive : registry.candidates(layer)) {
    if (primitive->info().library != "onednn") continue;
    SCOPED_TRACE(primitive->name());
    const auto kernel = prepare(primitive->name(), layer, constants, 1);
    if (kernel->reads_constant(1)) {
      EXPECT_EQ(kernel->packed_bytes(), 0u);
    } else {
      EXPECT_GE(kernel->packed_bytes(), layer.inputs[1].desc.bytes());
    }
  }
}

TEST_F(Onednn, AKernelKeepsItsThreadsWhateverTheCallersTeamIs) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x8x12x12 16x8x3x3*");
  const Tensor input = filled(layer.inputs[0].desc, 2);
  const Tensor weights = filled(layer.inputs[1].desc, 0.5);
  const Tensor output = filled(layer.outputs[0], -1);
  const std::vector<TensorView> constants = {{}, weights.view()};
  const std::string name = "conv2d.onednn.gemm.nchw@cpu";
  const auto kernel = prepare(name, layer, constants, 1);
  const Buffer workspace(device, registry.at(name).workspace_bytes(layer, 1));
  const auto queue = device.make_queue(1);
  const std::vector<TensorView> inputs = {input.view(), weights.view()};
  const std::vector<TensorView> outputs = {output.view()};
  const int before = omp_get_max_threads();
  omp_set_num_threads(3);
  const Status status = kernel->run({inputs, outputs, workspace.memory(), *queue});
  EXPECT_EQ(omp_get_max_threads(), 3);
  omp_set_num_threads(before);
  ASSERT_TRUE(status.is_ok()) << status.message();
  for (int64_t i = 0; i < output.desc().stored_elements(); ++i) ASSERT_EQ(output.data<float>()[i], 72) << i;
}

TEST_F(Onednn, ConstantsNeedOnlyTheAlignmentOfAFloat) {
  const LayerDesc layer = LayerDesc::parse("conv2d 1x8x6x6 16x8x3x3* 16*");
  const Tensor input = filled(layer.inputs[0].desc, 1);
  // One float past the start of an allocation, as a tensor of a mapped file may lie.
  const int64_t count = layer.inputs[1].desc.stored_elements();
  const Tensor room = filled({DataType::f32, Shape{count + 17}}, 0.25);
  const TensorView weights{layer.inputs[1].desc, room.view().memory.at(sizeof(float))};
  const TensorView bias{layer.inputs[2].desc, room.view().memory.at(sizeof(float))};
  const std::vector<TensorView> constants = {{}, weights, bias};
  for (const Primitive* primitive : registry.candidates(layer)) {
    if (primitive->info().library != "onednn") continue;
    SCOPED_TRACE(primitive->name());
    const LayerLayouts layouts = primitive->layouts(layer);
    const Tensor source = with_layout(input.view(), layouts.inputs[0]);
    const Tensor output(layer.outputs[0].with(layouts.outputs[0]));
    const auto kernel = prepare(primitive->name(), layer, constants, 1);
    const Buffer workspace(device, primitive->workspace_bytes(layer, 1));
    const auto queue = device.make_queue(1);
    const std::vector<TensorView> inputs = {source.view(), weights, bias};
    const std::vector<TensorView> outputs = {output.view()};
    ASSERT_TRUE(kernel->run({inputs, outputs, workspace.memory(), *queue}).is_ok());
    const Tensor plain = with_layout(output.view(), Layout::nchw);
    for (int64_t i = 0; i < plain.desc().stored_elements(); ++i) {
      ASSERT_NEAR(plain.data<float>()[i], 18.25, 1e-4) << i;
    }
  }
}

TEST_F(Onednn, AThreadCountForWhichNothingIsOfferedIsSaidByPrepare) {
  // Whether Winograd F(2x2, 3x3) is offered depends on the threads; what supports() admits can be prepared.
  for (const char* key : {"conv2d 1x64x14x14 64x64x3x3* pads_begin=1x1 pads_end=1x1",
                          "conv2d 1x256x13x13 384x256x3x3* pads_begin=1x1 pads_end=1x1"}) {
    const LayerDesc layer = LayerDesc::parse(key);
    const Tensor weights = filled(layer.inputs[1].desc, 1);
    const std::vector<TensorView> constants = {{}, weights.view()};
    for (const Primitive* primitive : registry.candidates(layer)) {
      if (primitive->info().library != "onednn") continue;
      for (const int threads : {1, 2, 4}) {
        EXPECT_NO_THROW((void)prepare(primitive->name(), layer, constants, threads))
            << primitive->name() << ", " << threads << " threads";
      }
    }
  }
}

}  // namespace
}  // namespace raceline

#else

TEST(Onednn, IsTested) {
  GTEST_SKIP() << "oneDNN is not part of this build";
}

#endif
