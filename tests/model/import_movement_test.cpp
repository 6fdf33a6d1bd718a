// Ops on shapes and parts of tensors, constants, names and shape arithmetic.
#include "raceline/base/error.h"
#include "tests/model/one_node.h"

namespace raceline {
namespace {

using namespace testing;

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
