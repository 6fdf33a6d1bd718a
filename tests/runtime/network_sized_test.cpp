// Values whose size depends on data: cut where they are outputs, taken by later stages as large as they are.
#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/runtime/network.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

constexpr int64_t i64 = 7;  // ONNX's number of the type

Tensor floats(const Shape& shape, const std::vector<float>& values) {
  return Tensor::of<float>(shape, std::span<const float>(values));
}

template <class T>
std::vector<T> values_of(const Tensor& tensor) {
  return {tensor.data<T>(), tensor.data<T>() + tensor.desc().shape.elements()};
}

class SizedTest : public ::testing::Test {
 protected:
  Network network(const OnnxWriter& writer) {
    writer.write(folder_ / "m.onnx");
    return Network(OnnxModel::load(folder_ / "m.onnx"), registry_, device_,
                   reference_evaluator(registry_, device_));
  }

  TempFolder folder_;
  PrimitiveRegistry registry_ = builtin_primitives();
  CpuDevice device_{Machine{}};
};

TEST_F(SizedTest, AnOutputIsAsLargeAsTheData) {
  OnnxWriter writer("non_zero", 13);
  writer.input("x", Shape{2, 3});
  writer.output("where", Shape{}, DataType::i64);
  writer.output("again", Shape{}, DataType::i64);
  writer.node("NonZero", {"x"}, {"where"});
  writer.node("Identity", {"where"}, {"again"});
  Network net = network(writer);
  const Tensor x = floats({2, 3}, {0, 1, 0, 2, 0, 3});
  const std::vector<Tensor> outputs = net.run(std::vector{x.view()});
  ASSERT_EQ(outputs.size(), 2u);
  for (const Tensor& output : outputs) {
    ASSERT_EQ(output.desc(), (TensorDesc{DataType::i64, {2, 3}}));
    EXPECT_EQ(values_of<int64_t>(output), (Ints{0, 1, 1, 1, 0, 2}));
  }
  EXPECT_FALSE(net.stages()[0]->is_whole());
  // Without an element, with all of them.
  const Tensor none = floats({2, 3}, {0, 0, 0, 0, 0, 0}), all = floats({2, 3}, {1, 1, 1, 1, 1, 1});
  EXPECT_EQ(net.run(std::vector{none.view()})[0].desc().shape, Shape({2, 0}));
  EXPECT_EQ(net.run(std::vector{all.view()})[1].desc().shape, Shape({2, 6}));
}

TEST_F(SizedTest, ElementsThatWereFoundAreGathered) {
  OnnxWriter writer("gather", 13);
  writer.input("x", Shape{6});
  writer.input("table", Shape{6, 2});
  writer.output("rows", Shape{});
  writer.output("count", Shape{});
  writer.initializer("one", integers({-1}));
  writer.node("NonZero", {"x"}, {"where"});
  writer.node("Reshape", {"where", "one"}, {"indices"});
  writer.node("Gather", {"table", "indices"}, {"rows"});
  writer.node("Shape", {"rows"}, {"count"});
  Network net = network(writer);
  const Tensor table = floats({6, 2}, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  const Tensor x = floats({6}, {0, 1, 0, 0, 1, 1});
  const std::vector<Tensor> outputs = net.run(std::vector{x.view(), table.view()});
  EXPECT_EQ(outputs[0].desc().shape, Shape({3, 2}));
  EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{2, 3, 8, 9, 10, 11}));
  EXPECT_EQ(values_of<int64_t>(outputs[1]), (Ints{3, 2}));
  EXPECT_EQ(net.stages().size(), 2u);
}

TEST_F(SizedTest, WhatConstantsDecideNeedsNoStage) {
  OnnxWriter writer("known", 13);
  writer.input("x", Shape{2, 2});
  writer.output("y", Shape{});
  writer.initializer("mask", floats({4}, {1, 0, 0, 1}));
  writer.initializer("flat", integers({-1}));
  writer.node("NonZero", {"mask"}, {"where"});
  writer.node("Reshape", {"where", "flat"}, {"indices"});
  writer.node("Reshape", {"x", "flat"}, {"line"});
  writer.node("Gather", {"line", "indices"}, {"y"});
  Network net = network(writer);
  const Tensor x = floats({2, 2}, {5, 6, 7, 8});
  EXPECT_EQ(values_of<float>(net.run(std::vector{x.view()})[0]), (std::vector<float>{5, 8}));
  EXPECT_EQ(net.stages().size(), 1u);
  EXPECT_TRUE(net.stages()[0]->is_whole());
}

TEST_F(SizedTest, BoxesThatSuppressionLeavesAreGathered) {
  OnnxWriter writer("boxes", 13);
  writer.input("boxes", Shape{1, 4, 4});
  writer.input("scores", Shape{1, 1, 4});
  writer.output("kept", Shape{});
  writer.initializer("most", integers({10}));
  writer.initializer("iou", floats({1}, {0.5f}));
  writer.initializer("least", floats({1}, {0.1f}));
  writer.initializer("third", integers({2}));
  writer.initializer("flat", integers({-1}));
  writer.node("NonMaxSuppression", {"boxes", "scores", "most", "iou", "least"}, {"chosen"});
  writer.node("Gather", {"chosen", "third"}, {"column"}, {{"axis", int64_t{1}}});
  writer.node("Reshape", {"column", "flat"}, {"indices"});
  writer.node("Gather", {"boxes", "indices"}, {"kept"}, {{"axis", int64_t{1}}});
  Network net = network(writer);
  // The second overlaps with the better first, the fourth is too bad.
  const Tensor boxes = floats({1, 4, 4}, {0, 0, 1, 1, 0, 0.1f, 1, 1, 2, 2, 3, 3, 5, 5, 6, 6});
  const Tensor scores = floats({1, 1, 4}, {0.9f, 0.8f, 0.7f, 0.05f});
  const std::vector<Tensor> outputs = net.run(std::vector{boxes.view(), scores.view()});
  ASSERT_EQ(outputs[0].desc().shape, Shape({1, 2, 4}));
  EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{0, 0, 1, 1, 2, 2, 3, 3}));
}

TEST_F(SizedTest, ACountOfTheBestMayBeComputed) {
  OnnxWriter writer("top_k", 13);
  writer.input("x", Shape{5});
  writer.output("best", Shape{});
  writer.output("places", Shape{}, DataType::i64);
  writer.initializer("flat", integers({-1}));
  writer.initializer("zero", floats({1}, {0}));
  writer.node("Relu", {"x"}, {"r"});
  writer.node("NonZero", {"r"}, {"where"});
  writer.node("Shape", {"where"}, {"shape"});
  writer.initializer("last", integers({1}));
  writer.node("Gather", {"shape", "last"}, {"k"});
  writer.node("TopK", {"x", "k"}, {"best", "places"});
  Network net = network(writer);
  const Tensor x = floats({5}, {-1, 4, -2, 7, 5});
  const std::vector<Tensor> outputs = net.run(std::vector{x.view()});
  EXPECT_EQ(values_of<float>(outputs[0]), (std::vector<float>{7, 5, 4}));
  EXPECT_EQ(values_of<int64_t>(outputs[1]), (Ints{3, 4, 1}));
}

TEST_F(SizedTest, ThreeStagesDeep) {
  // The places of the places: each NonZero needs the size of the one before.
  OnnxWriter writer("deep", 13);
  writer.input("x", Shape{6});
  writer.output("y", Shape{}, DataType::i64);
  std::string name = "x";
  for (const char* next : {"a", "b", "y"}) {
    writer.node("Cast", {name}, {fmt::format("{}.in", next)}, {{"to", i64}});
    writer.node("NonZero", {fmt::format("{}.in", next)}, {next});
    name = next;
  }
  Network net = network(writer);
  const Tensor x = floats({6}, {1, 0, 1, 1, 0, 1});
  // Places 0 2 3 5 of one row: of these three are not zero, in row 0 at 1 2 3; and so on.
  const std::vector<Tensor> outputs = net.run(std::vector{x.view()});
  EXPECT_EQ(net.stages().size(), 3u);
  EXPECT_EQ(outputs[0].desc().shape, Shape({2, 3}));
  EXPECT_EQ(values_of<int64_t>(outputs[0]), (Ints{1, 1, 1, 0, 1, 2}));
}

}  // namespace
}  // namespace raceline
