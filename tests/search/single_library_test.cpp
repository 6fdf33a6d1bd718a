#include "raceline/search/single_library.h"

#include <gtest/gtest.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

/// input -> conv -> relu -> lrn -> output. Library "a" has two ways of convolution and a relu, "b" one way of
/// convolution, "c" no convolution; only the reference and "c" do lrn.
SelectionProblem small_net() {
  SelectionProblem problem;
  const int nchw = problem.intern("cpu:nchw"), nhwc = problem.intern("cpu:nhwc");
  const auto choice = [](const char* primitive, double us, std::vector<int> in, std::vector<int> out) {
    return Choice{.primitive = primitive, .cost_us = us, .inputs = std::move(in), .outputs = std::move(out)};
  };
  problem.layers = {
      {"input", {choice("", 0, {}, {nchw})}},
      {"conv",
       {choice("conv2d.reference.direct.nchw@cpu", 100, {nchw}, {nchw}),
        choice("conv2d.a.gemm.im2col.nchw@cpu", 10, {nchw}, {nchw}),
        choice("conv2d.a.direct.nhwc@cpu", 7, {nhwc}, {nhwc}),
        choice("conv2d.b.gemm.nchw@cpu", 6, {nchw}, {nchw})}},
      {"relu",
       {choice("unary.reference.loop.nchw@cpu", 20, {nchw}, {nchw}),
        choice("unary.a.vector.nchw@cpu", 2, {nchw}, {nchw}),
        choice("unary.c.vector.nchw@cpu", 1, {nchw}, {nchw})}},
      {"lrn",
       {choice("lrn.reference.loop.nchw@cpu", 30, {nchw}, {nchw}),
        choice("lrn.c.vector.nchw@cpu", 3, {nchw}, {nchw})}},
      {"output", {choice("", 0, {nchw}, {})}},
  };
  for (int layer = 0; layer < 4; ++layer) {
    problem.tensors.push_back({.producer = {layer, 0},
                               .consumers = {{layer + 1, 0}},
                               .conversions = {{nchw, nhwc, 4}, {nhwc, nchw, 4}}});
  }
  problem.validate();
  return problem;
}

TEST(SingleLibrary, StrictlyItDoesWhatItCanAndTheFastestOfAnyTheRest) {
  const SearchAnswer a = search_library(small_net(), "a", {});
  EXPECT_EQ(a.cost_us, 10 + 2 + 3);  // nhwc would be 7 and twice 4
  EXPECT_EQ(a.choice, (std::vector<int>{0, 1, 1, 1, 0}));
  EXPECT_EQ(search_library(small_net(), "b", {}).cost_us, 6 + 1 + 3);
  EXPECT_EQ(search_library(small_net(), "c", {}).cost_us, 6 + 1 + 3);
}

TEST(SingleLibrary, ByOneTypeVanillaDoesTheRest) {
  const SearchAnswer a = search_single_type(small_net(), "a", {});
  EXPECT_EQ(a.cost_us, 10 + 2 + 30);
  EXPECT_EQ(a.note, "gemm.im2col.nchw");
  const SearchAnswer b = search_single_type(small_net(), "b", {});
  EXPECT_EQ(b.cost_us, 6 + 20 + 30);
  EXPECT_THROW(search_single_type(small_net(), "c", {}), UnsupportedError);
}

TEST(SingleLibrary, CheaperConversionsMakeAnotherTypeTheBest) {
  SelectionProblem problem = small_net();
  for (ProblemTensor& tensor : problem.tensors) {
    for (Conversion& conversion : tensor.conversions) conversion.cost_us = 1;
  }
  const SearchAnswer a = search_single_type(problem, "a", {});
  EXPECT_EQ(a.note, "direct.nhwc");
  EXPECT_EQ(a.cost_us, 7 + 2 * 1 + 2 + 30);
}

TEST(SingleLibrary, OfOneTypeHasItsTilesAndItsLibrarysKernelsForSpecialShapes) {
  SelectionProblem problem = small_net();
  const int nchw = problem.intern("cpu:nchw");
  const auto add = [&](int layer, const char* primitive, double us) {
    problem.layers[static_cast<size_t>(layer)].choices.push_back(
        {.primitive = primitive, .cost_us = us, .inputs = {nchw}, .outputs = {nchw}});
  };
  add(1, "conv2d.opencl.gemm.im2col_tile8x32.nchw@cpu", 9);
  add(1, "conv2d.opencl.gemm.im2col_tile4x64.nchw@cpu", 8);
  add(1, "conv2d.opencl.wino_4x3.tile8x32.nchw@cpu", 7.5);
  add(2, "conv2d.opencl.gemm.im2col_tile8x32.nchw@cpu", 5);  // as if this layer were a 1x1 convolution
  add(2, "conv2d.opencl.gemm.pointwise_tile8x32.nchw@cpu", 4);
  add(3, "conv2d.opencl.depthwise.padded.nchw@cpu", 1);
  problem.validate();
  const SearchAnswer answer = search_single_type(problem, "opencl", {});
  EXPECT_EQ(answer.note, "wino_4x3.nchw");
  EXPECT_EQ(answer.cost_us, 7.5 + 4 + 1);
  EXPECT_EQ(primitive_type("conv2d.opencl.gemm.im2col_tile8x32.nchw@cpu"),
            primitive_type("conv2d.opencl.gemm.im2col_tile4x64.nchw@cpu"));
  EXPECT_NE(primitive_type("conv2d.xnnpack.direct.tiles.nchw@cpu"),
            primitive_type("conv2d.xnnpack.direct.nchw@cpu"));
}

TEST(SingleLibrary, ALayerThatTheLibraryCanDoIsNotHandedOnToAnother) {
  SelectionProblem problem = small_net();
  const int nchw = problem.intern("cpu:nchw"), deferred = problem.intern("cpu:nchw+deferred.conv");
  problem.layers[1].choices.push_back(
      {.primitive = "deferred", .cost_us = 0, .inputs = {nchw}, .outputs = {deferred}});
  problem.layers[2].choices.push_back(
      {.primitive = "conv2d.b.gemm.nchw@cpu", .cost_us = 0.5, .inputs = {deferred}, .outputs = {nchw}});
  problem.validate();
  EXPECT_EQ(search_library(problem, "a", {}).cost_us, 10 + 2 + 3);
  EXPECT_EQ(search_library(problem, "b", {}).cost_us, 0.5 + 3);
}

TEST(EachProcessor, DoesWhatItCanWhereTwoTakePartAndIsSaidToHaveNoneWhereItsCopiesLack) {
  EXPECT_TRUE(search_each_processor(small_net(), {}).empty()) << "one processor has no rival";
  SelectionProblem problem = small_net();
  const int host = problem.intern("cpu:nchw"), there = problem.intern("opencl:nchw");
  problem.layers[1].choices.push_back(
      {.primitive = "conv2d.d.direct.nchw@opencl", .cost_us = 1, .inputs = {there}, .outputs = {there}});
  std::vector<ProcessorAnswer> answers = search_each_processor(problem, {});
  ASSERT_EQ(answers.size(), 2u);
  EXPECT_EQ(answers[0].processor, "cpu");
  EXPECT_EQ(answers[0].why, "");
  EXPECT_EQ(answers[0].answer.cost_us, 6 + 1 + 3);
  EXPECT_EQ(answers[1].processor, "opencl");
  EXPECT_NE(answers[1].why, "");
  EXPECT_TRUE(answers[1].answer.choice.empty());
  for (ProblemTensor& tensor : problem.tensors) {
    tensor.conversions.push_back({host, there, 50});
    tensor.conversions.push_back({there, host, 50});
  }
  problem.validate();
  answers = search_each_processor(problem, {});
  EXPECT_EQ(answers[0].answer.cost_us, 6 + 1 + 3);
  EXPECT_EQ(answers[1].why, "");
  EXPECT_EQ(answers[1].answer.cost_us, 50 + 1 + 50 + 1 + 3) << "the CPU would be faster, but is not asked";
}

TEST(PrimitiveTypes, FormsThatALibraryChoosesByShapeAreOne) {
  const PrimitiveType jit{"onednn", "jit.avx512_core.nhwc"};
  EXPECT_EQ(primitive_type("conv2d.onednn.jit.avx512_core.nhwc@cpu"), jit);
  EXPECT_EQ(primitive_type("conv2d.onednn.jit_1x1.avx512_core.nhwc@cpu"), jit);
  EXPECT_EQ(primitive_type("conv2d.onednn.jit_dw.avx512_core.nhwc@cpu"), jit);
  EXPECT_NE(primitive_type("conv2d.onednn.jit.avx512_core.nchw16c@cpu"), jit);
  EXPECT_NE(primitive_type("conv2d.onednn.jit.avx2.nhwc@cpu"), jit);
  EXPECT_EQ(primitive_type("conv2d_max_pool.native.wino_4x3.nhwc@cpu"),
            primitive_type("conv2d.native.wino_4x3.nhwc@cpu"));
  EXPECT_EQ(primitive_type("max_pool.onednn.jit.avx512_core.nhwc@cpu"), PrimitiveType{});
  EXPECT_EQ(primitive_type(""), PrimitiveType{});
  EXPECT_EQ(primitive_type("deferred"), PrimitiveType{});
}

}  // namespace
}  // namespace raceline
