// Bindings: open dimensions, contradictions, shape arguments.
#include "raceline/base/error.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;
using Dims = std::vector<std::string>;

/// A model that passes its inputs on.
OnnxModel identities(const TempFolder& folder, const std::vector<std::pair<std::string, Dims>>& inputs) {
  OnnxWriter writer("identities", 13);
  for (const auto& [name, dims] : inputs) {
    writer.input(name, dims);
    writer.node("Identity", {name}, {name + "_out"});
    writer.output(name + "_out", Shape{});
  }
  writer.write(folder / "m.onnx");
  return OnnxModel::load(folder / "m.onnx");
}

std::string refusal(OnnxModel& model, const Bindings& bindings) {
  return thrown<GraphError>([&] { model.build(bindings, {}); });
}

Shape shape_of(const Graph& graph, const std::string& name) {
  return graph.desc(graph.find_value(name)).shape;
}

TEST(Bindings, DescribeTheInputsAsDeclared) {
  const TempFolder folder;
  const OnnxModel model = identities(folder, {{"x", {"N", "3", "?", "w"}}});
  ASSERT_EQ(model.inputs().size(), 1u);
  EXPECT_EQ(model.inputs()[0].name, "x");
  EXPECT_EQ(model.inputs()[0].dims, (Dims{"N", "3", "?", "w"}));
  EXPECT_EQ(model.outputs(), (Dims{"x_out"}));
  EXPECT_EQ(model.opset(), 13);
  EXPECT_EQ(model.name(), "identities");
  EXPECT_TRUE(model.shape_arguments().empty());
}

TEST(Bindings, OpenBatchesAreOne) {
  const TempFolder folder;
  OnnxModel model = identities(folder, {{"a", {"N", "3"}}, {"b", {"?", "4"}}, {"c", {"2", "batch_size"}}});
  const Graph graph = model.build({}, {});
  EXPECT_EQ(shape_of(graph, "a"), (Shape{1, 3}));
  EXPECT_EQ(shape_of(graph, "b"), (Shape{1, 4}));
  EXPECT_EQ(shape_of(graph, "c"), (Shape{2, 1}));
}

TEST(Bindings, OtherOpenDimensionsAreNamed) {
  const TempFolder folder;
  OnnxModel model = identities(folder, {{"image", {"N", "3", "height", "?"}}});
  const std::string text = refusal(model, {});
  EXPECT_TRUE(contains(text, "'image'") && contains(text, "'height'")) << text;
  EXPECT_TRUE(contains(text, "--shape image=1x3x224x224")) << text;
  EXPECT_TRUE(contains(refusal(model, {.dims = {{"height", 8}}}), "dimension 3 ('?')"));
  EXPECT_EQ(refusal(model, {.shapes = {{"image", {2, 3, 8, 8}}}}), "");
}

TEST(Bindings, ShapesGiveSymbolsAValueForOtherInputs) {
  const TempFolder folder;
  OnnxModel model = identities(folder, {{"a", {"N", "len"}}, {"b", {"len", "N"}}});
  const Graph graph = model.build({.shapes = {{"a", {2, 5}}}}, {});
  EXPECT_EQ(shape_of(graph, "b"), (Shape{5, 2}));
  const Graph again = model.build({.dims = {{"N", 3}, {"len", 7}}}, {});
  EXPECT_EQ(shape_of(again, "a"), (Shape{3, 7}));
  const std::string text = refusal(model, {.shapes = {{"a", {2, 5}}, {"b", {5, 3}}}});
  EXPECT_TRUE(contains(text, "'b'") && contains(text, "'N'") && contains(text, "5x3")) << text;
}

TEST(Bindings, ContradictionsNameBothSides) {
  const TempFolder folder;
  OnnxModel model = identities(folder, {{"x", {"N", "3", "8", "8"}}});
  std::string text = refusal(model, {.shapes = {{"x", {1, 3, 8}}}});
  EXPECT_TRUE(contains(text, "1x3x8 is given") && contains(text, "4 dimensions wanted")) << text;
  text = refusal(model, {.shapes = {{"x", {1, 4, 8, 8}}}});
  EXPECT_TRUE(contains(text, "1x4x8x8") && contains(text, "dimension 1 is 3, not 4")) << text;
  text = refusal(model, {.shapes = {{"xx", {1, 3, 8, 8}}}});
  EXPECT_TRUE(contains(text, "no input 'xx'") && contains(text, "x")) << text;
  text = refusal(model, {.dims = {{"M", 2}}});
  EXPECT_TRUE(contains(text, "no symbolic dimension 'M'")) << text;
  const Tensor wrong_type = integers({1});
  text = refusal(model, {.values = {{"x", wrong_type.view()}}});
  EXPECT_TRUE(contains(text, "f32") && contains(text, "i64")) << text;
}

TEST(Bindings, ShapeArgumentsAreFoundThroughArithmetic) {
  const TempFolder folder;
  OnnxWriter writer("arguments", 13);
  writer.input("x", Shape{2, 6});
  writer.input("rows", Shape{1}, DataType::i64);
  writer.input("columns", Shape{1}, DataType::i64);
  writer.input("added", Shape{1}, DataType::f32);
  writer.node("Mul", {"rows", "rows"}, {"squared"});
  writer.node("Concat", {"squared", "columns"}, {"shape"}, {{"axis", int64_t{0}}});
  writer.node("Reshape", {"x", "shape"}, {"y"});
  writer.node("Add", {"y", "added"}, {"z"});
  writer.output("z", Shape{});
  writer.write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  EXPECT_EQ(model.shape_arguments(), (std::vector<std::string>{"rows", "columns"}));

  std::string text = refusal(model, {});
  EXPECT_TRUE(contains(text, "'rows', 'columns'")) << text;
  Reference reference;
  const Tensor rows = integers({2});
  const Tensor columns = integers({-1});
  const Graph graph =
      model.build({.values = {{"rows", rows.view()}, {"columns", columns.view()}}}, reference.evaluator());
  EXPECT_EQ(shape_of(graph, "y"), (Shape{4, 3}));
  ASSERT_EQ(graph.inputs().size(), 2u);  // those bound by value are none any more
  EXPECT_TRUE(graph.is_constant(graph.find_value("rows")));
}

TEST(Bindings, TheModelMayBeBuiltAgain) {
  const TempFolder folder;
  small_network().write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  const Graph one = model.build({}, {});
  const Graph four = model.build({.dims = {{"N", 4}}}, {});
  EXPECT_EQ(shape_of(one, "prob"), (Shape{1, 10}));
  EXPECT_EQ(shape_of(four, "prob"), (Shape{4, 10}));
}

}  // namespace
}  // namespace raceline
