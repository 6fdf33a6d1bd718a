// Models whose shapes only a run tells: bound in stages, kept by shapes and values.
#include "raceline/runtime/network.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

constexpr int64_t i64 = 7;  // ONNX's number of the type

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::of<float>(shape, std::span<const float>(values));
}

std::vector<float> values_of(const Tensor& tensor) {
  return {tensor.data<float>(), tensor.data<float>() + tensor.desc().shape.elements()};
}

class NetworkTest : public ::testing::Test {
 protected:
  Network network(const OnnxWriter& writer, NetworkOptions options = {}) {
    writer.write(folder_ / "m.onnx");
    return Network(OnnxModel::load(folder_ / "m.onnx"), registry_, device_,
                   reference_evaluator(registry_, device_), std::move(options));
  }

  TempFolder folder_;
  PrimitiveRegistry registry_ = builtin_primitives();
  CpuDevice device_{Machine{}};
};

/// As many leading elements of `x` (1-D, by Slice) as `count` [1,1] says, which is computed.
void slice_by(OnnxWriter& writer, const std::string& x, const std::string& count, const std::string& result) {
  writer.node("Cast", {count}, {result + ".i"}, {{"to", i64}});
  writer.node("Reshape", {result + ".i", "one"}, {result + ".end"});
  writer.node("Slice", {x, "zero", result + ".end"}, {result}, {}, result);
}

OnnxWriter writer_of(std::string_view name) {
  OnnxWriter writer(name, 13);
  writer.initializer("zero", integers({0}));
  writer.initializer("one", integers({1}));
  writer.initializer("square", integers({1, 1}));
  return writer;
}

TEST_F(NetworkTest, AStaticModelIsOneStageThatItsSessionDoes) {
  Network net = network(small_network());
  const Tensor image = random_tensor({2, 3, 8, 8}, 5);
  const std::vector<Tensor> outputs = net.run(std::vector{image.view()});
  ASSERT_EQ(outputs.size(), 1u);
  EXPECT_EQ(outputs[0].desc().shape, Shape({2, 10}));
  ASSERT_EQ(net.stages().size(), 1u);
  EXPECT_TRUE(net.stages()[0]->is_whole());
  Bindings bindings;
  bindings.batch = 2;
  EXPECT_EQ(&net.bind(bindings), net.stages()[0]);
  EXPECT_EQ(net.bound(), 1u);
}

TEST_F(NetworkTest, AShapeThatIsComputedMakesASecondStage) {
  OnnxWriter writer = writer_of("reshape");
  writer.input("x", Shape{2, 6});
  writer.input("d", Shape{1, 2});
  writer.output("y", Shape{});
  writer.output("double", Shape{});
  writer.initializer("two", integers({2}));
  writer.node("Cast", {"d"}, {"di"}, {{"to", i64}});
  writer.node("Reshape", {"di", "two"}, {"s"});
  writer.node("Reshape", {"x", "s"}, {"r"}, {}, "by_data");
  writer.node("Relu", {"r"}, {"y"});
  writer.node("Add", {"x", "x"}, {"double"});
  Network net = network(writer);
  EXPECT_TRUE(net.model().shape_arguments().empty());
  const Tensor x = random_tensor({2, 6}, 3);
  for (const auto& [rows, columns] : {std::pair{3, 4}, {4, 3}, {12, 1}, {3, 4}}) {
    const Tensor d = floats({1, 2}, {static_cast<float>(rows), static_cast<float>(columns)});
    const std::vector<Tensor> outputs = net.run(std::vector{x.view(), d.view()});
    ASSERT_EQ(outputs.size(), 2u);
    EXPECT_EQ(outputs[0].desc().shape, Shape({rows, columns}));
    EXPECT_EQ(outputs[1].desc().shape, Shape({2, 6}));
    for (size_t index = 0; index < 12; ++index) {
      EXPECT_EQ(values_of(outputs[0])[index], std::max(0.0f, values_of(x)[index]));
      EXPECT_EQ(values_of(outputs[1])[index], 2 * values_of(x)[index]);
    }
    EXPECT_EQ(net.stages().size(), 2u);
  }
  EXPECT_EQ(net.bound(), 4u) << "one first stage, three second ones";
  EXPECT_TRUE(contains(net.stages()[0]->stage.waiting.at(0), "by_data"));
}

TEST_F(NetworkTest, ChainsOfStagesComeToAnEnd) {
  // Each stage cuts x to the sum of the one before: x = 1 1 1 ... and a first count of 5.
  constexpr int length = 12;
  OnnxWriter writer = writer_of("chain");
  writer.input("x", Shape{length + 8});
  writer.input("n", Shape{1, 1});
  writer.output("part0", Shape{});
  slice_by(writer, "x", "n", "part0");
  for (int step = 1; step < length; ++step) {
    const std::string sum = fmt::format("sum{}", step), part = fmt::format("part{}", step);
    writer.node("ReduceSum", {fmt::format("part{}", step - 1)}, {sum}, {{"keepdims", int64_t{1}}});
    slice_by(writer, "x", sum, part);
    writer.output(part, Shape{});
  }
  Network net = network(writer, {.most_bound = 3});
  const Tensor x = floats({length + 8}, std::vector<float>(length + 8, 1.0f));
  for (const int count : {5, 1, 20, 5}) {
    const Tensor n = floats({1, 1}, {static_cast<float>(count)});
    const std::vector<Tensor> outputs = net.run(std::vector{x.view(), n.view()});
    ASSERT_EQ(outputs.size(), static_cast<size_t>(length));
    for (const Tensor& output : outputs) EXPECT_EQ(output.desc().shape, Shape({count}));
    EXPECT_EQ(net.stages().size(), static_cast<size_t>(length + 1));
  }
}

TEST_F(NetworkTest, AnArgumentThatDecidesShapesIsBoundByItsValue) {
  OnnxWriter writer("argument", 13);
  writer.input("x", Shape{2, 6});
  writer.input("s", Shape{2}, DataType::i64);
  writer.output("y", Shape{});
  writer.node("Reshape", {"x", "s"}, {"y"});
  Network net = network(writer);
  EXPECT_EQ(net.model().shape_arguments(), std::vector<std::string>{"s"});
  const Tensor x = random_tensor({2, 6}, 3);
  for (const Ints& shape : {Ints{3, 4}, Ints{6, -1}, Ints{3, 4}}) {
    const Tensor s = integers(shape);
    const std::vector<Tensor> outputs = net.run(std::vector{x.view(), s.view()});
    EXPECT_EQ(outputs[0].desc().shape, Shape({shape[0], 12 / shape[0]}));
    EXPECT_EQ(values_of(outputs[0]), values_of(x));
    EXPECT_EQ(net.stages().size(), 1u);
  }
  EXPECT_EQ(net.bound(), 2u);
}

TEST_F(NetworkTest, SizesOfAResizeMayBeComputed) {
  OnnxWriter writer = writer_of("resize");
  writer.input("x", Shape{1, 1, 2, 2});
  writer.input("d", Shape{1, 4});
  writer.output("y", Shape{});
  writer.initializer("four", integers({4}));
  writer.node("Cast", {"d"}, {"di"}, {{"to", i64}});
  writer.node("Reshape", {"di", "four"}, {"sizes"});
  writer.node("Resize", {"x", "", "", "sizes"}, {"y"},
              {{"mode", std::string("nearest")},
               {"nearest_mode", std::string("floor")},
               {"coordinate_transformation_mode", std::string("asymmetric")}});
  Network net = network(writer);
  const Tensor x = floats({1, 1, 2, 2}, {1, 2, 3, 4});
  const Tensor d = floats({1, 4}, {1, 1, 4, 2});
  const std::vector<Tensor> outputs = net.run(std::vector{x.view(), d.view()});
  EXPECT_EQ(outputs[0].desc().shape, Shape({1, 1, 4, 2}));
  EXPECT_EQ(values_of(outputs[0]), (std::vector<float>{1, 2, 1, 2, 3, 4, 3, 4}));
}

TEST_F(NetworkTest, WhatIsKeptIsBounded) {
  OnnxWriter writer = writer_of("bounded");
  writer.input("x", Shape{40});
  writer.input("n", Shape{1, 1});
  writer.output("y", Shape{});
  slice_by(writer, "x", "n", "y");
  Network net = network(writer, {.most_bound = 4});
  const Tensor x = random_tensor({40}, 1);
  for (int count = 1; count <= 40; ++count) {
    const Tensor n = floats({1, 1}, {static_cast<float>(count)});
    const std::vector<Tensor> outputs = net.run(std::vector{x.view(), n.view()});
    ASSERT_EQ(outputs[0].desc().shape, Shape({count}));
    EXPECT_LE(net.bound(), 4u);
  }
}

TEST_F(NetworkTest, ConstantsAndShapesReachLaterStages) {
  // The second stage needs weights, a constant made from them, and the shape of a first-stage value.
  OnnxWriter writer = writer_of("constants");
  writer.input("x", Shape{4, 3});
  writer.input("n", Shape{1, 1});
  writer.output("y", Shape{});
  writer.initializer("w", floats({3}, {1, 10, 100}));
  writer.node("Neg", {"w"}, {"minus"});
  writer.node("Relu", {"x"}, {"r"});
  writer.node("Shape", {"r"}, {"shape"});
  writer.node("Cast", {"shape"}, {"shape.f"}, {{"to", int64_t{1}}});
  writer.node("ReduceSum", {"shape.f"}, {"seven"}, {{"keepdims", int64_t{0}}});
  slice_by(writer, "r", "n", "rows");
  writer.node("Mul", {"rows", "minus"}, {"m"});
  writer.node("Add", {"m", "seven"}, {"y"});
  Network net = network(writer);
  const Tensor x = floats({4, 3}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const Tensor n = floats({1, 1}, {2});
  const std::vector<Tensor> outputs = net.run(std::vector{x.view(), n.view()});
  EXPECT_EQ(outputs[0].desc().shape, Shape({2, 3}));
  EXPECT_EQ(values_of(outputs[0]), (std::vector<float>{6, -13, -293, 3, -43, -593}));
}

TEST_F(NetworkTest, RefusesUnknownOpsOfLaterStagesBeforeAnythingRuns) {
  OnnxWriter writer = writer_of("refused");
  writer.input("x", Shape{4});
  writer.input("n", Shape{1, 1});
  writer.output("y", Shape{});
  slice_by(writer, "x", "n", "part");
  writer.node("FancyOp", {"part"}, {"f"}, {}, "late");
  writer.node("Relu", {"f"}, {"y"}, {{"slope", 1.0f}}, "later");
  Network net = network(writer);
  const Tensor x = random_tensor({4}, 1);
  const Tensor n = floats({1, 1}, {2});
  const std::string why = thrown<UnsupportedError>([&] { net.run(std::vector{x.view(), n.view()}); });
  EXPECT_TRUE(contains(why, "late")) << why;
  EXPECT_TRUE(contains(why, "slope")) << why;
  EXPECT_TRUE(net.stages().empty());
}

TEST_F(NetworkTest, RefusesValuesThatFitNoShapeInALaterStage) {
  OnnxWriter writer = writer_of("negative");
  writer.input("x", Shape{4});
  writer.input("n", Shape{1, 1});
  writer.output("y", Shape{});
  writer.node("Cast", {"n"}, {"ni"}, {{"to", i64}});
  writer.node("Reshape", {"ni", "one"}, {"s"});
  writer.node("Reshape", {"x", "s"}, {"y"});
  Network net = network(writer);
  const Tensor x = random_tensor({4}, 1);
  for (const float count : {3.0f, -7.0f, 1e18f}) {
    const Tensor n = floats({1, 1}, {count});
    EXPECT_THROW(net.run(std::vector{x.view(), n.view()}), Error) << count;
  }
  const Tensor n = floats({1, 1}, {4});
  EXPECT_EQ(net.run(std::vector{x.view(), n.view()})[0].desc().shape, Shape({4}));
}

TEST_F(NetworkTest, RefusesInputsThatTheModelDoesNotHave) {
  Network net = network(small_network());
  const Tensor image = random_tensor({1, 3, 8, 8}, 5), small = random_tensor({1, 3, 7, 8}, 5);
  const Tensor ints({DataType::i64, {1, 3, 8, 8}});
  EXPECT_THROW(net.run({}), GraphError);
  EXPECT_THROW(net.run(std::vector{small.view()}), GraphError);
  EXPECT_THROW(net.run(std::vector{ints.view()}), GraphError);
  EXPECT_THROW(net.run(std::vector{TensorView{image.desc(), {}}}), GraphError);
}

TEST_F(NetworkTest, PicksThePlanForTheShapesAndNamesThemWhereNoneFits) {
  Network by_reference = network(small_network());
  PlanSet plans;
  for (const int64_t batch : {1, 4}) {
    Bindings bindings;
    bindings.batch = batch;
    plans.plans.push_back(by_reference.bind(bindings).plan);
    plans.plans.back().model = "small";
  }
  ASSERT_EQ(PlanSet::from_json(plans.to_json()), plans);
  Network net = network(small_network(), {.plans = plans});
  for (const int64_t batch : {4, 1}) {
    const Tensor image = random_tensor({batch, 3, 8, 8}, 5);
    EXPECT_EQ(net.run(std::vector{image.view()})[0].desc().shape, Shape({batch, 10}));
  }
  const Tensor image = random_tensor({2, 3, 8, 8}, 5);
  const std::string why = thrown<PlanError>([&] { net.run(std::vector{image.view()}); });
  EXPECT_TRUE(contains(why, "image=2x3x8x8")) << why;
  EXPECT_TRUE(contains(why, "image=1x3x8x8\n  image=4x3x8x8")) << why;
  // A batch that is given picks, too; nothing given takes the first.
  Bindings bindings;
  bindings.batch = 4;
  EXPECT_EQ(choose_plan(net.model(), plans, bindings), plans.plans[1]);
  EXPECT_EQ(bindings.shapes.at("image"), Shape({4, 3, 8, 8}));
  bindings = {};
  EXPECT_EQ(choose_plan(net.model(), plans, bindings), plans.plans[0]);
  bindings = {};
  bindings.batch = 3;
  EXPECT_THROW(choose_plan(net.model(), plans, bindings), PlanError);
}

}  // namespace
}  // namespace raceline
