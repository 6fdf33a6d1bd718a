// Each family of ops becomes the internal form that it promises.
#include <cstring>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;
using Names = std::vector<std::string>;
using Attributes = std::vector<OnnxAttribute>;

struct Input {
  std::string name;
  TensorDesc desc;
};

/// One ONNX node of the given inputs and integer constants, imported; the text of the graph's nodes.
class OneNode {
 public:
  OneNode(int64_t opset, std::string op) : opset_(opset), op_(std::move(op)) {}
  OneNode& input(const std::string& name, const Shape& shape, DataType type = DataType::f32) {
    inputs_.push_back({name, {type, shape}});
    operands_.push_back(name);
    return *this;
  }
  OneNode& weights(const std::string& name, const Shape& shape) {
    constants_.emplace_back(name, random_tensor(shape, 5));
    operands_.push_back(name);
    return *this;
  }
  OneNode& ints(const std::string& name, std::vector<int64_t> values) {
    constants_.emplace_back(name, integers(std::move(values)));
    operands_.push_back(name);
    return *this;
  }
  OneNode& constant(const std::string& name, Tensor tensor) {
    constants_.emplace_back(name, std::move(tensor));
    operands_.push_back(name);
    return *this;
  }
  OneNode& none() {
    operands_.emplace_back();
    return *this;
  }
  OneNode& attributes(Attributes attributes) {
    attributes_ = std::move(attributes);
    return *this;
  }
  OneNode& outputs(Names names) {
    outputs_ = std::move(names);
    return *this;
  }

  Graph build() {
    const TempFolder folder;
    OnnxWriter writer("one", opset_);
    for (const Input& input : inputs_) writer.input(input.name, input.desc.shape, input.desc.type);
    for (auto& [name, tensor] : constants_) {
      Tensor copy(tensor.desc());
      std::memcpy(copy.bytes().data(), tensor.bytes().data(), copy.bytes().size());
      writer.initializer(name, std::move(copy));
    }
    writer.node(op_, operands_, outputs_, attributes_, "n");
    for (const std::string& output : outputs_) writer.output(output, Shape{});
    writer.write(folder / "one.onnx");
    return OnnxModel::load(folder / "one.onnx").build({}, reference_.evaluator());
  }
  /// One line a node: name, outputs, op, operands, parameters.
  std::string nodes() {
    const Graph graph = build();
    graph.verify();
    std::string lines;
    const std::string text = graph.to_string();
    for (const std::string_view line : split(text, '\n')) {
      if (starts_with(line, "node ")) lines += std::string(line.substr(5)) + "\n";
    }
    return lines;
  }

 private:
  int64_t opset_;
  std::string op_;
  std::vector<Input> inputs_;
  std::vector<std::pair<std::string, Tensor>> constants_;
  Names operands_;
  Attributes attributes_;
  Names outputs_ = {"y"};
  Reference reference_;
};

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

TEST(ImportReduce, ReductionsArePools) {
  EXPECT_EQ(OneNode(13, "ReduceMean").input("x", {2, 3, 4, 5}).attributes({{"axes", Ints{2, -1}}}).nodes(),
            "n.reduce_pool: n.reduce_pool:0 2x3x1x1 = average_pool(x) kernel=4x5\n"
            "n: y 2x3x1x1 = reshape(n.reduce_pool:0) dims=2x3x1x1\n");
  EXPECT_EQ(OneNode(18, "ReduceMax")
                .input("x", {2, 3})
                .ints("axes", {0})
                .attributes({{"keepdims", int64_t{0}}})
                .nodes(),
            "n.reduce_transpose: n.reduce_transpose:0 3x2 = transpose(x)\n"
            "n.reduce_rows: n.reduce_rows:0 1x3x2 = reshape(n.reduce_transpose:0) dims=1x3x2\n"
            "n.reduce_pool: n.reduce_pool:0 1x3x1 = max_pool(n.reduce_rows:0) kernel=2\n"
            "n.reduce_shape: n.reduce_shape:0 1x3 = reshape(n.reduce_pool:0) dims=1x3\n"
            "n: y 3 = reshape(n.reduce_shape:0) dims=3\n");
}

TEST(ImportShape, ReshapesAreResolved) {
  EXPECT_EQ(OneNode(13, "Reshape").input("x", {2, 3, 4}).ints("s", {0, -1}).nodes(),
            "n: y 2x12 = reshape(x) dims=2x12\n");
  EXPECT_EQ(OneNode(14, "Reshape")
                .input("x", {0, 3})
                .ints("s", {3, 0})
                .attributes({{"allowzero", int64_t{1}}})
                .nodes(),
            "n: y 3x0 = reshape(x) dims=3x0\n");
  EXPECT_EQ(OneNode(9, "Flatten").input("x", {2, 3, 4}).attributes({{"axis", int64_t{2}}}).nodes(),
            "n: y 6x4 = reshape(x) dims=6x4\n");
  EXPECT_EQ(OneNode(11, "Squeeze").input("x", {1, 3, 1}).attributes({{"axes", Ints{-1}}}).nodes(),
            "n: y 1x3 = reshape(x) dims=1x3\n");
  EXPECT_EQ(OneNode(13, "Squeeze").input("x", {1, 3, 1}).nodes(), "n: y 3 = reshape(x) dims=3\n");
  EXPECT_EQ(OneNode(13, "Unsqueeze").input("x", {3, 4}).ints("axes", {-1, 0}).nodes(),
            "n: y 1x3x4x1 = reshape(x) dims=1x3x4x1\n");
  for (const Ints& wrong :
       {Ints{5, -1}, Ints{-1, -1}, Ints{-2, 3}, Ints{2, 3, 4, 0}, Ints{1 << 20, int64_t{1} << 50}}) {
    OneNode node(13, "Reshape");
    node.input("x", {2, 3, 4}).ints("s", wrong);
    EXPECT_THROW(node.build(), GraphError);
  }
}

TEST(ImportShape, DepthToSpaceIsTransposed) {
  EXPECT_EQ(
      OneNode(11, "DepthToSpace").input("x", {1, 8, 2, 3}).attributes({{"blocksize", int64_t{2}}}).nodes(),
      "n.split: n.split:0 1x2x2x2x2x3 = reshape(x) dims=1x2x2x2x2x3\n"
      "n: n:0 1x2x2x2x3x2 = transpose(n.split:0) perm=0x3x4x1x5x2\n"
      "n.out: y 1x2x4x6 = reshape(n:0) dims=1x2x4x6\n");
}

TEST(ImportPart, SlicesAreClampedAsInPython) {
  const auto slice = [](Ints starts, Ints ends, Ints axes, Ints steps) {
    return OneNode(13, "Slice")
        .input("x", {10, 5})
        .ints("s", std::move(starts))
        .ints("e", std::move(ends))
        .ints("a", std::move(axes))
        .ints("t", std::move(steps))
        .nodes();
  };
  constexpr int64_t far = INT64_MAX;
  EXPECT_EQ(slice({1}, {far}, {0}, {2}), "n: y 5x5 = slice(x) start=1x0 size=5x5 step=2x1\n");
  EXPECT_EQ(slice({-1}, {-far - 1}, {0}, {-1}), "n: y 10x5 = slice(x) start=9x0 step=-1x1\n");
  EXPECT_EQ(slice({far, -3}, {0, -1}, {0, -1}, {-4, 1}),
            "n: y 3x2 = slice(x) start=9x2 size=3x2 step=-4x1\n");
  EXPECT_EQ(slice({4}, {4}, {1}, {1}), "n: y 10x0 = slice(x) size=10x0\n");
  EXPECT_EQ(slice({2}, {far}, {1}, {far}), "n: y 10x1 = slice(x) start=0x2 size=10x1 step=1x6\n");
  EXPECT_EQ(slice({2}, {-far - 1}, {1}, {-far - 1}), "n: y 10x1 = slice(x) start=0x2 size=10x1 step=1x-6\n");
  EXPECT_THROW(slice({0}, {1}, {0}, {0}), GraphError);
  EXPECT_THROW(slice({0, 0}, {1, 1}, {0, 0}, {1, 1}), GraphError);
  EXPECT_THROW(slice({0}, {1}, {2}, {1}), GraphError);
  EXPECT_EQ(OneNode(9, "Slice")
                .input("x", {10, 5})
                .attributes({{"starts", Ints{0, 2}}, {"ends", Ints{-1, 1000}}})
                .nodes(),
            "n: y 9x3 = slice(x) start=0x2 size=9x3\n");
}

TEST(ImportPart, SplitIsSlices) {
  EXPECT_EQ(OneNode(18, "Split")
                .input("x", {7, 2})
                .attributes({{"num_outputs", int64_t{3}}})
                .outputs({"a", "b", "c"})
                .nodes(),
            "n: a 3x2 = slice(x) size=3x2\n"
            "n.1: b 3x2 = slice(x) start=3x0 size=3x2\n"
            "n.2: c 1x2 = slice(x) start=6x0 size=1x2\n");
  OneNode uneven(13, "Split");
  uneven.input("x", {7}).outputs({"a", "b"});
  EXPECT_THROW(uneven.build(), GraphError);
}

TEST(ImportPart, PadFormsOfAllVersions) {
  EXPECT_EQ(
      OneNode(10, "Pad").input("x", {2, 3}).attributes({{"pads", Ints{0, 1, 0, 2}}, {"value", 1.5f}}).nodes(),
      "n: y 2x6 = pad(x) begin=0x1 end=0x2 value=1.5\n");
  EXPECT_EQ(OneNode(18, "Pad")
                .input("x", {2, 3})
                .ints("pads", {1, 1})
                .none()
                .ints("axes", {-1})
                .attributes({{"mode", std::string("edge")}})
                .nodes(),
            "n: y 2x5 = pad(x) mode=edge begin=0x1 end=0x1\n");
}

TEST(ImportConstant, DropoutIsIdentityAndItsMaskOnes) {
  EXPECT_EQ(OneNode(7, "Dropout").input("x", {4}).attributes({{"ratio", 0.5f}}).nodes(),
            "n: y 4 = identity(x)\n");
  EXPECT_EQ(OneNode(12, "Dropout").input("x", {4}).outputs({"y", "mask"}).nodes(),
            "n: y 4 = identity(x)\n"
            "n.mask: mask 4:bool = expand(n.one) dims=4\n");
}

TEST(ImportConstant, AHugeConstantOfShapeIsNotFilled) {
  const Graph graph = OneNode(9, "ConstantOfShape").ints("shape", {1 << 10, 1 << 10, 1 << 10}).build();
  EXPECT_EQ(graph.desc(graph.find_value("y")).shape.elements(), int64_t{1} << 30);
  EXPECT_LT(graph.constant_bytes(), 1000u);
}

TEST(ImportNames, StayUniqueWhateverTheModelCallsThings) {
  // Unnamed nodes, a name used twice, and values called as helpers would be.
  const TempFolder folder;
  OnnxWriter writer("names", 13);
  writer.input("relu", Shape{4});
  writer.node("Relu", {"relu"}, {"a"});
  writer.node("Relu", {"a"}, {"b"});
  writer.node("Max", {"b", "a", "relu"}, {"n.1"}, {}, "n");
  writer.node("Max", {"n.1", "a", "relu"}, {"n.1:0"}, {}, "n");
  writer.node("Max", {"n.1:0", "a", "relu"}, {"n_1"}, {}, "n.1");
  writer.output("n_1", Shape{4});
  writer.write(folder / "m.onnx");
  const Graph graph = OnnxModel::load(folder / "m.onnx").build({}, {});
  graph.verify();
  EXPECT_EQ(graph.nodes().size(), 8u);
  EXPECT_NE(graph.find_value("n.1"), absent);
  EXPECT_NE(graph.find_value("n.1:0"), absent);
}

TEST(ImportKnownValues, ShapeArithmeticIsEvaluated) {
  // The flatten of older PyTorch exports: Shape, Gather, Unsqueeze, Concat, Reshape.
  const TempFolder folder;
  OnnxWriter writer("flatten", 9);
  writer.input("x", std::vector<std::string>{"N", "3", "4"});
  const int64_t first = 0;
  writer.initializer("zero", Tensor::of<int64_t>({}, std::span(&first, 1)));
  writer.initializer("rest", integers({-1}));
  writer.node("Shape", {"x"}, {"shape"});
  writer.node("Gather", {"shape", "zero"}, {"n"}, {{"axis", int64_t{0}}});
  writer.node("Unsqueeze", {"n"}, {"n1"}, {{"axes", Ints{0}}});
  writer.node("Concat", {"n1", "rest"}, {"dims"}, {{"axis", int64_t{0}}});
  writer.node("Reshape", {"x", "dims"}, {"y"});
  writer.output("y", Shape{});
  writer.write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  EXPECT_TRUE(model.shape_arguments().empty());
  Reference reference;
  const Graph graph = model.build({.dims = {{"N", 5}}}, reference.evaluator());
  EXPECT_EQ(graph.desc(graph.find_value("y")).shape, (Shape{5, 12}));
}

}  // namespace
}  // namespace raceline
