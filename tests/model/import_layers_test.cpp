// Convolutions, pools, products, normalisation and elementwise functions become the internal form promised.
#include "raceline/base/error.h"
#include "tests/model/one_node.h"

namespace raceline {
namespace {

using namespace testing;

Tensor number(float value) {
  return Tensor::of<float>({}, std::span<const float>(&value, 1));
}

TEST(ImportConv, TwoAndThreeDimensions) {
  EXPECT_EQ(OneNode(13, "Conv")
                .input("x", {1, 4, 9, 9})
                .weights("w", {6, 2, 3, 3})
                .weights("b", {6})
                .attributes({{"group", int64_t{2}}, {"strides", Ints{2, 1}}, {"pads", Ints{1, 0, 1, 2}}})
                .nodes(),
            "n: y 1x6x5x9 = conv2d(x, w, b) stride=2x1 pads_begin=1x0 pads_end=1x2 group=2\n");
  EXPECT_EQ(OneNode(13, "Conv").input("x", {1, 4, 5, 5, 5}).weights("w", {6, 4, 3, 3, 3}).nodes(),
            "n: y 1x6x3x3x3 = conv3d(x, w)\n");
}

TEST(ImportConv, OneDimensionIsLifted) {
  EXPECT_EQ(OneNode(13, "Conv")
                .input("x", {2, 4, 9})
                .weights("w", {6, 4, 3})
                .attributes({{"pads", Ints{1, 2}}, {"strides", Ints{3}}, {"dilations", Ints{2}}})
                .nodes(),
            "n.x: n.x:0 2x4x1x9 = reshape(x) dims=2x4x1x9\n"
            "n.w: n.w:0 6x4x1x3 = reshape(w) dims=6x4x1x3\n"
            "n: n:0 2x6x1x3 = conv2d(n.x:0, n.w:0) stride=1x3 dilation=1x2 pads_begin=0x1 pads_end=0x2\n"
            "n.y: y 2x6x3 = reshape(n:0) dims=2x6x3\n");
}

TEST(ImportConv, AutoPadIsResolved) {
  const auto same = [](const char* mode) {
    return OneNode(13, "Conv")
        .input("x", {1, 1, 8, 7})
        .weights("w", {1, 1, 3, 4})
        .attributes({{"auto_pad", std::string(mode)}, {"strides", Ints{2, 1}}})
        .nodes();
  };
  EXPECT_EQ(same("SAME_UPPER"), "n: y 1x1x4x7 = conv2d(x, w) stride=2x1 pads_begin=0x1 pads_end=1x2\n");
  EXPECT_EQ(same("SAME_LOWER"), "n: y 1x1x4x7 = conv2d(x, w) stride=2x1 pads_begin=1x2 pads_end=0x1\n");
  EXPECT_EQ(same("VALID"), "n: y 1x1x3x4 = conv2d(x, w) stride=2x1\n");
}

TEST(ImportConv, KernelShapeMustBeTheWeights) {
  OneNode node(13, "Conv");
  node.input("x", {1, 1, 8, 8}).weights("w", {1, 1, 3, 3}).attributes({{"kernel_shape", Ints{3, 2}}});
  const std::string text = thrown<GraphError>([&] { node.build(); });
  EXPECT_TRUE(contains(text, "'n' (Conv)") && contains(text, "3x2") && contains(text, "3x3")) << text;
}

TEST(ImportConv, TransposedWithOutputShape) {
  const auto node = [](Attributes attributes) {
    return OneNode(11, "ConvTranspose")
        .input("x", {1, 1, 3, 3})
        .weights("w", {1, 2, 3, 3})
        .attributes(std::move(attributes))
        .nodes();
  };
  EXPECT_EQ(node({}), "n: y 1x2x5x5 = conv_transpose(x, w)\n");
  EXPECT_EQ(node({{"strides", Ints{3, 2}}, {"output_shape", Ints{10, 8}}}),
            "n: y 1x2x10x8 = conv_transpose(x, w) stride=3x2 output_padding=1x1\n");
  EXPECT_EQ(node({{"strides", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}}),
            "n: y 1x2x6x6 = conv_transpose(x, w) stride=2x2 pads_end=1x1\n");
  EXPECT_EQ(node({{"strides", Ints{2, 2}}, {"auto_pad", std::string("SAME_LOWER")}}),
            "n: y 1x2x6x6 = conv_transpose(x, w) stride=2x2 pads_begin=1x1\n");
}

TEST(ImportPool, WindowsIndicesAndGlobal) {
  EXPECT_EQ(
      OneNode(12, "MaxPool")
          .input("x", {1, 2, 7, 7})
          .attributes({{"kernel_shape", Ints{2, 2}}, {"strides", Ints{2, 2}}, {"ceil_mode", int64_t{1}}})
          .nodes(),
      "n: y 1x2x4x4 = max_pool(x) kernel=2x2 stride=2x2 ceil=1\n");
  EXPECT_EQ(OneNode(12, "MaxPool")
                .input("x", {1, 2, 7})
                .attributes({{"kernel_shape", Ints{2}}, {"storage_order", int64_t{1}}})
                .outputs({"y", "indices"})
                .nodes(),
            "n: y 1x2x6, indices 1x2x6:i64 = max_pool(x) kernel=2 column_major=1 outputs=2\n");
  EXPECT_EQ(
      OneNode(11, "AveragePool")
          .input("x", {1, 2, 7, 7})
          .attributes(
              {{"kernel_shape", Ints{3, 3}}, {"pads", Ints{1, 1, 1, 1}}, {"count_include_pad", int64_t{1}}})
          .nodes(),
      "n: y 1x2x7x7 = average_pool(x) kernel=3x3 pads_begin=1x1 pads_end=1x1 include_pad=1\n");
  EXPECT_EQ(OneNode(7, "GlobalAveragePool").input("x", {2, 3, 4, 5}).nodes(),
            "n: y 2x3x1x1 = average_pool(x) kernel=4x5\n");
  EXPECT_EQ(OneNode(7, "GlobalMaxPool").input("x", {2, 3, 4}).nodes(), "n: y 2x3x1 = max_pool(x) kernel=4\n");
}

TEST(ImportMatMul, ByAConstantMatrixIsGemm) {
  EXPECT_EQ(OneNode(13, "MatMul").input("x", {2, 4}).weights("w", {4, 3}).nodes(), "n: y 2x3 = gemm(x, w)\n");
  EXPECT_EQ(OneNode(13, "MatMul").input("x", {2, 4}).input("w", {4, 3}).nodes(), "n: y 2x3 = matmul(x, w)\n");
  EXPECT_EQ(OneNode(13, "MatMul").input("x", {5, 2, 4}).weights("w", {4, 3}).nodes(),
            "n: y 5x2x3 = matmul(x, w)\n");
  EXPECT_EQ(OneNode(13, "Gemm")
                .input("x", {4, 2})
                .weights("w", {3, 4})
                .weights("b", {3})
                .attributes({{"alpha", 0.5f}, {"beta", 2.0f}, {"transA", int64_t{1}}, {"transB", int64_t{1}}})
                .nodes(),
            "n: y 2x3 = gemm(x, w, b) alpha=0.5 beta=2 trans_a=1 trans_b=1\n");
}

TEST(ImportNorm, BatchNormAndSoftmax) {
  OneNode batch_norm(9, "BatchNormalization");
  batch_norm.input("x", {1, 3, 4, 4}).attributes({{"epsilon", 1e-3f}, {"momentum", 0.5f}});
  for (const auto* name : {"scale", "bias", "mean", "var"}) batch_norm.weights(name, {3});
  EXPECT_EQ(batch_norm.nodes(), "n: y 1x3x4x4 = batch_norm(x, scale, bias, mean, var) epsilon=0.001\n");

  EXPECT_EQ(OneNode(11, "Softmax").input("x", {2, 3, 4}).nodes(),
            "n: y 2x3x4 = softmax(x) first_axis=1 end_axis=3\n");
  EXPECT_EQ(OneNode(13, "Softmax").input("x", {2, 3, 4}).nodes(),
            "n: y 2x3x4 = softmax(x) first_axis=2 end_axis=3\n");
  EXPECT_EQ(OneNode(13, "LogSoftmax").input("x", {2, 3, 4}).attributes({{"axis", int64_t{-2}}}).nodes(),
            "n: y 2x3x4 = softmax(x) first_axis=1 end_axis=2 log=1\n");
}

TEST(ImportElementwise, ClipTakesTheFormThatFits) {
  EXPECT_EQ(OneNode(6, "Clip").input("x", {4}).attributes({{"min", 0.0f}, {"max", 6.0f}}).nodes(),
            "n: y 4 = unary(x) kind=clip beta=6\n");
  EXPECT_EQ(
      OneNode(13, "Clip").input("x", {4}).constant("low", number(-1)).constant("high", number(1)).nodes(),
      "n: y 4 = unary(x) kind=clip alpha=-1 beta=1\n");
  EXPECT_EQ(OneNode(13, "Clip").input("x", {4}).nodes(), "n: y 4 = identity(x)\n");
  EXPECT_EQ(OneNode(13, "Clip").input("x", {4}).input("low", {}).input("high", {}).nodes(),
            "n.min: n.min:0 4 = binary(x, low) kind=max\n"
            "n: y 4 = binary(n.min:0, high) kind=min\n");
  const int64_t limit = (int64_t{1} << 40) + 1;
  EXPECT_EQ(OneNode(13, "Clip")
                .input("x", {4}, DataType::i64)
                .none()
                .constant("high", Tensor::of<int64_t>({}, std::span(&limit, 1)))
                .nodes(),
            "n: y 4:i64 = binary(x, high) kind=min\n");
}

TEST(ImportElementwise, DefaultsOfActivations) {
  EXPECT_EQ(OneNode(6, "LeakyRelu").input("x", {4}).nodes(),
            "n: y 4 = unary(x) kind=leaky_relu alpha=0.01\n");
  EXPECT_EQ(OneNode(6, "HardSigmoid").input("x", {4}).nodes(),
            "n: y 4 = unary(x) kind=hard_sigmoid alpha=0.2 beta=0.5\n");
  EXPECT_EQ(OneNode(6, "Selu").input("x", {4}).attributes({{"gamma", 2.0f}}).nodes(),
            "n: y 4 = unary(x) kind=selu alpha=1.6732632 beta=2\n");
  EXPECT_EQ(OneNode(14, "Relu").input("x", {4}).nodes(), "n: y 4 = unary(x) kind=relu\n");
}

TEST(ImportElementwise, ManyOperandsBecomeAChain) {
  EXPECT_EQ(OneNode(13, "Max").input("a", {4}).input("b", {1}).input("c", {2, 4}).nodes(),
            "n.1: n.1:0 4 = binary(a, b) kind=max\n"
            "n: y 2x4 = binary(n.1:0, c) kind=max\n");
  EXPECT_EQ(OneNode(13, "Sum").input("a", {4}).nodes(), "n: y 4 = identity(a)\n");
  EXPECT_EQ(OneNode(13, "Mean").input("a", {4}).input("b", {4}).nodes(),
            "n.1: n.1:0 4 = binary(a, b) kind=add\n"
            "n: y 4 = binary(n.1:0, n.count) kind=div\n");
}

TEST(ImportElementwise, LegacyBroadcastAlignsAtAnAxis) {
  EXPECT_EQ(OneNode(6, "Add")
                .input("a", {2, 3, 4, 5})
                .input("b", {3, 4})
                .attributes({{"broadcast", int64_t{1}}, {"axis", int64_t{1}}})
                .nodes(),
            "n.aligned: n.aligned:0 3x4x1 = reshape(b) dims=3x4x1\n"
            "n: y 2x3x4x5 = binary(a, n.aligned:0) kind=add\n");
  OneNode strict(6, "Add");
  strict.input("a", {2, 3}).input("b", {3});
  EXPECT_THROW(strict.build(), GraphError);
}

TEST(ImportReduce, ReductionsOfImagesArePools) {
  EXPECT_EQ(OneNode(13, "ReduceMean").input("x", {2, 3, 4, 5}).attributes({{"axes", Ints{2, -1}}}).nodes(),
            "n.reduce: n.reduce:0 2x3x1x1 = average_pool(x) kernel=4x5\n"
            "n: y 2x3x1x1 = reshape(n.reduce:0) dims=2x3x1x1\n");
  EXPECT_EQ(OneNode(13, "ReduceSum")
                .input("x", {2, 3, 4, 5})
                .ints("axes", {2, 3})
                .attributes({{"keepdims", int64_t{0}}})
                .nodes(),
            "n.reduce_mean: n.reduce_mean:0 2x3x1x1 = average_pool(x) kernel=4x5\n"
            "n.reduce: n.reduce:0 2x3x1x1 = binary(n.reduce_mean:0, n.reduce_count) kind=mul\n"
            "n: y 2x3 = reshape(n.reduce:0) dims=2x3\n");
}

}  // namespace
}  // namespace raceline
