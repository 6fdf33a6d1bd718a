// What cannot be done is said all at once; what is damaged is refused, never a crash.
#include <fstream>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

std::string refused(const OnnxWriter& writer, const Bindings& bindings = {}) {
  const TempFolder folder;
  writer.write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  return thrown<UnsupportedError>([&] { model.build(bindings, {}); });
}

TEST(Refusals, ListEveryNodeAtOnce) {
  OnnxWriter writer("refused", 14);
  writer.input("x", std::vector<std::string>{"N", "3", "8", "8"});
  writer.initializer("c", random_tensor({3}, 1));
  writer.node("FancyOp", {"x"}, {"a"}, {}, "first");
  // Behind a refused node: attributes are still looked at, shapes are not.
  writer.node("Relu", {"a"}, {"b"}, {{"slope", 0.5f}}, "second");
  writer.node("BatchNormalization", {"b", "c", "c", "c", "c"}, {"d"}, {{"training_mode", int64_t{1}}},
              "third");
  writer.node("Pad", {"d", "c"}, {"e"}, {{"mode", std::string("mirror")}}, "fourth");
  writer.node("Conv", {"e", "c"}, {"f"}, {{"auto_pad", std::string("MAYBE")}});
  writer.node("Relu", {"f"}, {"fine"}, {}, "sixth");
  writer.node("Upsample", {"x"}, {"g"}, {{"scales", std::vector<float>{1, 1, 2, 2}}}, "seventh");
  writer.output("fine", Shape{});
  const std::string text = refused(writer);
  const auto lines = split(text, '\n');
  ASSERT_EQ(lines.size(), 7u) << text;
  EXPECT_TRUE(contains(text, "m.onnx"));
  EXPECT_TRUE(contains(text, "node 'first' (FancyOp), opset 14: the op is not supported")) << text;
  EXPECT_TRUE(contains(text, "node 'second' (Relu), opset 14, attribute 'slope': the attribute is not known"))
      << text;
  EXPECT_TRUE(contains(text, "node 'third' (BatchNormalization), opset 14, attribute 'training_mode'"))
      << text;
  EXPECT_TRUE(contains(text, "node 'fourth' (Pad), opset 14, attribute 'mode': 'mirror' is not known"))
      << text;
  EXPECT_TRUE(contains(text, "node 4 (Conv), opset 14, attribute 'auto_pad': 'MAYBE' is not known")) << text;
  EXPECT_TRUE(contains(text, "node 'seventh' (Upsample), opset 14: the op is understood in opsets")) << text;
  EXPECT_FALSE(contains(text, "sixth")) << text;
}

TEST(Refusals, ComeBeforeOpenDimensions) {
  OnnxWriter writer("refused", 14);
  writer.input("x", std::vector<std::string>{"N", "3", "h", "w"});
  writer.node("FancyOp", {"x"}, {"y"}, {}, "first");
  writer.output("y", Shape{});
  EXPECT_TRUE(contains(refused(writer), "FancyOp"));
}

TEST(Refusals, NameNewerOpsets) {
  OnnxWriter writer("new", 1000);
  writer.input("x", Shape{4});
  writer.node("Relu", {"x"}, {"y"}, {}, "r");
  writer.output("y", Shape{});
  EXPECT_TRUE(contains(refused(writer), "not in 1000"));
}

TEST(Refusals, OfBrokenGraphsNameTheNode) {
  const auto broken = [](auto&& fill) {
    const TempFolder folder;
    OnnxWriter writer("broken", 13);
    writer.input("x", Shape{1, 3, 8, 8});
    fill(writer);
    writer.write(folder / "m.onnx");
    OnnxModel model = OnnxModel::load(folder / "m.onnx");
    return thrown<GraphError>([&] { model.build({}, {}); });
  };
  EXPECT_TRUE(contains(broken([](OnnxWriter& w) {
                         w.node("Relu", {"nowhere"}, {"y"}, {}, "r");
                         w.output("y", Shape{});
                       }),
                       "'r' (Relu): 'nowhere' is used"));
  EXPECT_TRUE(contains(broken([](OnnxWriter& w) {
                         w.node("Relu", {"x"}, {"y"}, {}, "r");
                         w.node("Relu", {"x"}, {"y"}, {}, "s");
                         w.output("y", Shape{});
                       }),
                       "'y'"));
  EXPECT_TRUE(contains(broken([](OnnxWriter& w) {
                         w.node("Relu", {"x"}, {"y"}, {}, "r");
                         w.output("z", Shape{});
                       }),
                       "'z' is used"));
  EXPECT_TRUE(contains(broken([](OnnxWriter& w) {
                         w.node("Flatten", {"x"}, {"y"}, {{"axis", std::string("one")}}, "r");
                         w.output("y", Shape{});
                       }),
                       "attribute 'axis' is no integer"));
  EXPECT_TRUE(contains(broken([](OnnxWriter& w) { w.node("Relu", {"x"}, {"y"}, {}, "r"); }), "no outputs"));
  // Initializers of one name, and one of the name of an input, which is a constant then.
  EXPECT_TRUE(contains(broken([](OnnxWriter& w) {
                         w.initializer("i", random_tensor({3}, 1));
                         w.initializer("i", random_tensor({3}, 2));
                         w.node("Add", {"x", "i"}, {"y"}, {}, "r");
                         w.output("y", Shape{});
                       }),
                       "two initializers"));
}

TEST(Refusals, AnInitializerThatIsAlsoAnInputIsAConstant) {
  const TempFolder folder;
  OnnxWriter writer("old", 8);
  writer.input("x", Shape{4});
  writer.input("w", Shape{4});
  writer.initializer("w", random_tensor({4}, 1));
  writer.node("Add", {"x", "w"}, {"y"});
  writer.output("y", Shape{4});
  writer.write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  ASSERT_EQ(model.inputs().size(), 1u);
  const Graph graph = model.build({}, {});
  EXPECT_EQ(graph.inputs().size(), 1u);
  EXPECT_TRUE(graph.is_constant(graph.find_value("w")));
}

/// Without waiting for the disk, as write_file() does: these tests write thousands of files.
void overwrite(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

/// Loads and builds; any of the library's exceptions will do.
void try_to_read(const std::filesystem::path& path, const Evaluator& evaluator, int& accepted) {
  try {
    OnnxModel model = OnnxModel::load(path);
    const Graph graph = model.build({}, evaluator);
    graph.verify();
    ++accepted;
  } catch (const Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty());
  }
}

void cut_everywhere(const std::filesystem::path& path, size_t step) {
  const TempFolder folder;
  const std::string whole = read_file(path);
  Reference reference;
  const Evaluator evaluator = reference.evaluator();
  int accepted = 0;
  for (size_t size = 0; size < whole.size(); size += step) {
    overwrite(folder / "cut.onnx", std::string_view(whole).substr(0, size));
    try_to_read(folder / "cut.onnx", evaluator, accepted);
  }
  // Only a cut exactly before the opset's field, behind the graph's, could be accepted.
  EXPECT_LE(accepted, 1);
}

void flip_bytes(const std::filesystem::path& path, uint64_t seed, int rounds) {
  std::cout << "seed " << seed << "\n";
  const TempFolder folder;
  const std::string whole = read_file(path);
  Reference reference;
  const Evaluator evaluator = reference.evaluator();
  Random random(seed);
  int accepted = 0;
  for (int round = 0; round < rounds; ++round) {
    std::string damaged = whole;
    const int64_t flips = 1 + random.below(4);
    for (int64_t flip = 0; flip < flips; ++flip) {
      damaged[static_cast<size_t>(random.below(static_cast<int64_t>(damaged.size())))] =
          static_cast<char>(random.below(256));
    }
    overwrite(folder / "damaged.onnx", damaged);
    try_to_read(folder / "damaged.onnx", evaluator, accepted);
  }
  EXPECT_LT(accepted, rounds);
}

/// As small_network(), but without large weights: most of its bytes are structure.
OnnxWriter tiny_network() {
  OnnxWriter writer("tiny", 13);
  writer.input("x", std::vector<std::string>{"N", "2", "6", "6"});
  writer.initializer("w", random_tensor({2, 2, 3, 3}, 1));
  writer.initializer("shape", integers({0, -1}));
  writer.initializer("starts", integers({1}));
  writer.initializer("ends", integers({30}));
  writer.initializer("axes", integers({1}));
  writer.node("Conv", {"x", "w"}, {"c"}, {{"pads", Ints{1, 1, 1, 1}}, {"strides", Ints{1, 1}}}, "conv");
  writer.node("AveragePool", {"c"}, {"p"},
              {{"kernel_shape", Ints{2, 2}}, {"auto_pad", std::string("SAME_UPPER")}});
  writer.node("Shape", {"p"}, {"s"});
  writer.node("ConstantOfShape", {"s"}, {"zeros"});
  writer.node("Add", {"p", "zeros"}, {"sum"});
  writer.node("Reshape", {"sum", "shape"}, {"flat"});
  writer.node("Slice", {"flat", "starts", "ends", "axes"}, {"part"});
  writer.node("Softmax", {"part"}, {"y"}, {{"axis", int64_t{1}}});
  writer.output("y", Shape{1, 29});
  return writer;
}

TEST(Hostile, AModelCutAnywhereIsRefused) {
  const TempFolder folder;
  tiny_network().write(folder / "tiny.onnx");
  cut_everywhere(folder / "tiny.onnx", 2);
  small_network().write(folder / "small.onnx");
  cut_everywhere(folder / "small.onnx", 37);
}

TEST(Hostile, ARealModelCutAnywhereIsRefused) {
  const std::filesystem::path path =
      std::filesystem::path(RACELINE_SOURCE_DIR) / "../shared/onnx-real/mnist-cntk/model.onnx";
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "no model at " << path;
  cut_everywhere(path, 101);
}

TEST(Hostile, FlippedBytesNeverCrash) {
  const TempFolder folder;
  tiny_network().write(folder / "tiny.onnx");
  flip_bytes(folder / "tiny.onnx", 20240601, 1500);
}

TEST(Hostile, HugeDimensionsCostNothing) {
  // Every element count a file can claim is refused or kept symbolic before memory is asked for.
  const TempFolder folder;
  OnnxWriter writer("huge", 13);
  writer.input("x", Shape{1});
  writer.initializer("shape", integers({int64_t{1} << 20, int64_t{1} << 19}));
  writer.node("ConstantOfShape", {"shape"}, {"big"});
  writer.node("Reshape", {"x", "big"}, {"y"});
  writer.output("y", Shape{1});
  writer.write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  Reference reference;
  const std::string text = thrown<UnsupportedError>([&] { model.build({}, reference.evaluator()); });
  EXPECT_TRUE(contains(text, "bytes")) << text;
}

TEST(Hostile, LongChainsOfShapeArithmeticDoNotRecurse) {
  const TempFolder folder;
  OnnxWriter writer("chain", 13);
  writer.input("x", Shape{4});
  writer.initializer("s0", integers({2, 2}));
  constexpr int length = 20000;
  for (int i = 0; i < length; ++i) {
    writer.node("Identity", {fmt::format("s{}", i)}, {fmt::format("s{}", i + 1)});
  }
  writer.node("Reshape", {"x", fmt::format("s{}", length)}, {"y"});
  writer.output("y", Shape{2, 2});
  writer.write(folder / "m.onnx");
  OnnxModel model = OnnxModel::load(folder / "m.onnx");
  Reference reference;
  const Graph graph = model.build({}, reference.evaluator());
  EXPECT_EQ(graph.desc(graph.find_value("y")).shape, (Shape{2, 2}));
}

}  // namespace
}  // namespace raceline
