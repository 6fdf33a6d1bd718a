// Small files that ask for more memory, or more time, than there is. Shapes may be large, for networks are
// also planned and predicted for other machines; what is made while a model is read may not.
#include <functional>

#include "raceline/graph/passes/passes.h"
#include "tests/model/testing.h"

namespace raceline {
namespace {

using namespace testing;

constexpr size_t most_made = size_t{300} << 20;

/// A model of one input "x" of 4 elements, or of the shape given, and the output "y"; `fill` adds the rest.
std::filesystem::path write(const TempFolder& folder, const std::function<void(OnnxWriter&)>& fill,
                            const Shape& input = {4}, int64_t opset = 13) {
  OnnxWriter writer("m", opset);
  writer.input("x", input);
  writer.output("y", Shape{1});
  fill(writer);
  writer.write(folder / "m.onnx");
  EXPECT_LT(std::filesystem::file_size(folder / "m.onnx"), 8192u);
  return folder / "m.onnx";
}

/// Reads it and runs the passes: the text of the refusal, or an empty one, and then little memory is held.
std::string read(const std::filesystem::path& path) {
  Reference reference;
  const Evaluator evaluate = reference.evaluator();
  try {
    OnnxModel model = OnnxModel::load(path);
    const Graph graph = run_passes(model.build({}, evaluate), evaluate);
    EXPECT_LE(graph.constant_bytes(), most_made);
    return "";
  } catch (const Error& error) {
    EXPECT_FALSE(std::string(error.what()).empty());
    return error.what();
  }
}

constexpr int64_t million = int64_t{1} << 20;

TEST(SmallFiles, GetNoTerabyteByWhatTheyExpand) {
  const TempFolder folder;
  const auto ones = [](OnnxWriter& writer) { writer.initializer("one", random_tensor({1}, 1)); };
  const std::string by_shape = read(write(folder, [&](OnnxWriter& writer) {
    writer.initializer("shape", integers({million, million / 4}));
    writer.node("ConstantOfShape", {"shape"}, {"c"}, {}, "ones");
    writer.node("Relu", {"c"}, {"y"}, {}, "relu");
  }));
  EXPECT_EQ(by_shape, "");  // it is a network; only not one for this machine
  const std::string by_expand = read(write(folder, [&](OnnxWriter& writer) {
    ones(writer);
    writer.initializer("shape", integers({million, million / 4}));
    writer.node("Expand", {"one", "shape"}, {"c"}, {}, "expand");
    writer.node("Relu", {"c"}, {"y"}, {}, "relu");
  }));
  EXPECT_EQ(by_expand, "");
  const std::string by_tile = read(write(folder, [&](OnnxWriter& writer) {
    ones(writer);
    writer.initializer("repeats", integers({million * million / 4}));
    writer.node("Tile", {"one", "repeats"}, {"y"}, {}, "tile");
  }));
  EXPECT_EQ(by_tile, "");
  const std::string by_pad = read(write(folder, [&](OnnxWriter& writer) {
    ones(writer);
    writer.initializer("pads", integers({0, million * million / 4}));
    writer.node("Pad", {"one", "pads"}, {"y"}, {}, "pad");
  }));
  EXPECT_EQ(by_pad, "");
  const std::string by_resize = read(write(
      folder,
      [&](OnnxWriter& writer) {
        writer.initializer("image", random_tensor({1, 1, 1, 1}, 1));
        writer.initializer("sizes", integers({1, 1, million / 2, million / 2}));
        writer.node("Resize", {"image", "", "", "sizes"}, {"y"}, {}, "resize");
      },
      {4}, 13));
  EXPECT_EQ(by_resize, "");
}

TEST(SmallFiles, GetNoShapesThatOverflow) {
  const TempFolder folder;
  const auto expanded = [&](std::vector<int64_t> dims) {
    return read(write(folder, [&](OnnxWriter& writer) {
      writer.initializer("shape", integers(dims));
      writer.node("ConstantOfShape", {"shape"}, {"y"}, {}, "ones");
    }));
  };
  for (const std::vector<int64_t>& dims : {std::vector<int64_t>{int64_t{1} << 62},
                                           {int64_t{1} << 62, 4},
                                           {int64_t{1} << 32, int64_t{1} << 32},
                                           {INT64_MAX, INT64_MAX, INT64_MAX},
                                           {-1, 4},
                                           {int64_t{1} << 62, 0, 8},
                                           {1, 1, 1, 1, 1, 1, 1, 1, 1}}) {
    EXPECT_TRUE(contains(expanded(dims), "'ones'")) << dims[0];
  }
}

TEST(SmallFiles, GetNoImagesThatOverflow) {
  const TempFolder folder;
  const auto conv = [&](const std::vector<OnnxAttribute>& attributes) {
    return read(write(folder,
                      [&](OnnxWriter& writer) {
                        writer.initializer("w", random_tensor({1, 1, 3, 3}, 1));
                        writer.node("Conv", {"x", "w"}, {"y"}, attributes, "conv");
                      },
                      {1, 1, 4, 4}));
  };
  for (const int64_t pad :
       {int64_t{1} << 31, int64_t{1} << 40, int64_t{1} << 62, INT64_MAX, int64_t{-1}, INT64_MIN}) {
    EXPECT_TRUE(contains(conv({{"pads", Ints{pad, 0, pad, 0}}}), "'conv'")) << pad;
    EXPECT_TRUE(contains(conv({{"pads", Ints{pad, pad, pad, pad}}}), "'conv'")) << pad;
    EXPECT_TRUE(contains(conv({{"dilations", Ints{pad, pad}}}), "'conv'")) << pad;
  }
  EXPECT_TRUE(
      contains(conv({{"pads", Ints{1 << 30, 1 << 30, 1 << 30, 1 << 30}}}), "more than 2^40 elements"));
  EXPECT_EQ(conv({{"pads", Ints{1 << 18, 1 << 18, 1 << 18, 1 << 18}}}), "");
}

TEST(SmallFiles, GetNoGigabytesByManyRanges) {
  const TempFolder folder;
  const std::string text = read(write(folder, [&](OnnxWriter& writer) {
    writer.initializer("start", Tensor::of<int64_t>({}, std::vector<int64_t>{0}));
    writer.initializer("limit", Tensor::of<int64_t>({}, std::vector<int64_t>{1 << 23}));
    writer.initializer("step", Tensor::of<int64_t>({}, std::vector<int64_t>{1}));
    for (int index = 0; index < 40; ++index) {
      const std::string name = "r" + std::to_string(index);
      writer.node("Range", {"start", "limit", "step"}, {name}, {}, name);
    }
    writer.node("Add", {"r0", "r1"}, {"y"}, {}, "sum");
  }));
  EXPECT_TRUE(contains(text, "'r4'")) << text;
  EXPECT_TRUE(contains(text, "bytes")) << text;
}

TEST(SmallFiles, GetNoGigabytesByManyConstantsThatGrow) {
  const TempFolder folder;
  const std::string text = read(write(folder, [&](OnnxWriter& writer) {
    writer.initializer("shape", integers({million * 8}));
    std::vector<std::string> all;
    for (int index = 0; index < 40; ++index) {
      all.push_back("c" + std::to_string(index));
      writer.node("ConstantOfShape", {"shape"}, {all.back()});
    }
    writer.node("Concat", all, {"y"}, {{"axis", int64_t{0}}}, "all");
  }));
  EXPECT_EQ(text, "");
}

TEST(SmallFiles, GetNoHoursByProductsOfConstants) {
  const TempFolder folder;
  const auto products = [](OnnxWriter& writer, const std::string& result) {
    writer.initializer("side", integers({4096, 4096}));
    writer.node("ConstantOfShape", {"side"}, {"p0"});
    for (int index = 1; index < 30; ++index) {
      writer.node("MatMul", {"p" + std::to_string(index - 1), "p0"}, {"p" + std::to_string(index)});
    }
    writer.node("Identity", {"p29"}, {result});
  };
  EXPECT_EQ(read(write(folder, [&](OnnxWriter& writer) { products(writer, "y"); })), "");
  // The same as a shape: that has to be known, so it is refused.
  const std::string text = read(write(folder, [&](OnnxWriter& writer) {
    products(writer, "p");
    writer.initializer("zero", integers({0}));
    writer.node("Gather", {"p", "zero"}, {"row"});
    writer.node("Cast", {"row"}, {"dims"}, {{"to", int64_t{7}}});
    writer.node("Reshape", {"x", "dims"}, {"y"}, {}, "reshape");
  }));
  EXPECT_TRUE(contains(text, "operations")) << text;
}

TEST(Cycles, AreRefusedWithTheNameThatIsMissing) {
  const TempFolder folder;
  const std::string two = read(write(folder, [&](OnnxWriter& writer) {
    writer.node("Add", {"x", "b"}, {"a"}, {}, "first");
    writer.node("Relu", {"a"}, {"b"}, {}, "second");
    writer.node("Relu", {"b"}, {"y"}, {}, "third");
  }));
  EXPECT_TRUE(contains(two, "'first'") && contains(two, "'b' is used")) << two;
  const std::string one = read(write(folder, [&](OnnxWriter& writer) {
    writer.node("Add", {"x", "y"}, {"y"}, {}, "itself");
  }));
  EXPECT_TRUE(contains(one, "'itself'") && contains(one, "'y' is used")) << one;
}

TEST(Strings, OfMegabytesAreNamesLikeAnyOther) {
  const TempFolder folder;
  const std::string mega(4'000'000, 'n');
  const auto with = [&](const std::function<void(OnnxWriter&)>& fill) {
    OnnxWriter writer(mega, 13);
    writer.input("x", Shape{4});
    writer.output("y", Shape{4});
    fill(writer);
    writer.write(folder / "m.onnx");
    return read(folder / "m.onnx");
  };
  EXPECT_EQ(with([&](OnnxWriter& writer) {
              writer.node("Relu", {"x"}, {mega}, {}, mega + "1");
              writer.node("Relu", {mega}, {"y"}, {}, mega + "2");
            }),
            "");
  EXPECT_TRUE(contains(with([&](OnnxWriter& writer) { writer.node(mega, {"x"}, {"y"}); }), "not supported"));
  EXPECT_TRUE(contains(with([&](OnnxWriter& writer) {
                         writer.node("Relu", {"x"}, {"y"}, {{mega, int64_t{1}}});
                       }),
                       "attribute is not known"));
  const std::string text = with([&](OnnxWriter& writer) {
    writer.initializer("w", random_tensor({1, 1, 1}, 1));
    writer.node("Conv", {"x", "w"}, {"y"}, {{"auto_pad", mega}}, "conv");
  });
  EXPECT_TRUE(contains(text, "'conv'")) << text.substr(0, 200);
  EXPECT_LT(text.size(), 1000u);  // a value is shown by its beginning
}

}  // namespace
}  // namespace raceline
