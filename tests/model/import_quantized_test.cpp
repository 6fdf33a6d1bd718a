// Quantised ops give what their specifications say, element by element.
#include <algorithm>
#include <cmath>
#include <limits>

#include "raceline/base/error.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/tensor/half.h"
#include "tests/model/one_node.h"

namespace raceline {
namespace {

using namespace testing;

template <class T>
Tensor tensor(const Shape& shape, const std::vector<T>& values) {
  return Tensor::of<T>(shape, std::span<const T>(values));
}
template <class T>
Tensor number(T value) {
  return Tensor::of<T>({}, std::span<const T>(&value, 1));
}
template <class T>
std::vector<T> values(const Tensor& tensor) {
  EXPECT_EQ(tensor.desc().type, data_type_of<T>);
  return {tensor.data<T>(), tensor.data<T>() + tensor.desc().shape.elements()};
}
/// Any numbers of an 8-bit type, the ends of its range among them.
template <class T>
std::vector<T> bytes(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<T> list = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  while (list.size() < static_cast<size_t>(count))
    list.push_back(static_cast<T>(std::numeric_limits<T>::min() + random.below(256)));
  list.resize(static_cast<size_t>(count));
  return list;
}

/// The outputs of a node of constants: it is folded whole.
std::vector<Tensor> evaluated(OneNode& node) {
  Reference reference;
  const Graph graph = run_passes(node.build(), reference.evaluator());
  EXPECT_TRUE(graph.nodes().empty()) << graph.to_string();
  std::vector<Tensor> outputs;
  for (const Graph::Output& output : graph.outputs())
    outputs.push_back(with_layout(graph.constant(output.value), Layout::nchw));
  return outputs;
}

template <class T>
double saturated(double value) {
  return std::clamp<double>(value, std::numeric_limits<T>::min(), std::numeric_limits<T>::max());
}

template <class T>
void expect_quantised(T zero) {
  const float infinity = std::numeric_limits<float>::infinity();
  std::vector<float> x = {0, 0.25f, -0.25f, 0.75f, -0.75f, 1.25f, 3e9f, -3e9f, infinity, -infinity};
  Random random(3);
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(random.uniform(-1.2, 1.2)) * 40000);
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(random.below(200) - 100) / 4);
  const float scale = 0.5f;
  const auto y = values<T>(evaluated(OneNode(21, "QuantizeLinear")
                                         .constant("x", tensor<float>({static_cast<int64_t>(x.size())}, x))
                                         .constant("s", number(scale))
                                         .constant("z", number(zero)))[0]);
  for (size_t i = 0; i < x.size(); ++i) {
    const double want = saturated<T>(std::nearbyint(static_cast<double>(x[i] / scale)) + zero);
    ASSERT_EQ(y[i], want) << x[i];
  }
}

TEST(ImportQuantize, RoundsToTheNearestEvenAndSaturates) {
  expect_quantised<uint8_t>(0);
  expect_quantised<uint8_t>(255);
  expect_quantised<int8_t>(-128);
  expect_quantised<uint16_t>(32767);
  expect_quantised<int16_t>(-1);
  const auto y = evaluated(OneNode(10, "QuantizeLinear")
                               .constant("x", tensor<float>({2}, {2.5f, -1}))
                               .constant("s", number(1.0f)));
  EXPECT_EQ(values<uint8_t>(y[0]), (std::vector<uint8_t>{2, 0}));
}

TEST(ImportQuantize, EachPositionAlongAnAxisHasItsScale) {
  const auto y = evaluated(OneNode(13, "QuantizeLinear")
                               .constant("x", tensor<float>({2, 3}, {1, 1, 1, -6, -6, -6}))
                               .constant("s", tensor<float>({3}, {1, 2, 4}))
                               .constant("z", tensor<int8_t>({3}, {0, 10, -10}))
                               .attributes({{"axis", int64_t{-1}}}));
  EXPECT_EQ(values<int8_t>(y[0]), (std::vector<int8_t>{1, 10, -10, -6, 7, -12}));
}

TEST(ImportQuantize, BlocksAlongAnAxisShareAScaleAndTheLastMayBeShort) {
  const auto y = evaluated(
      OneNode(21, "QuantizeLinear")
          .constant("x", tensor<float>({2, 5}, {8, 8, 8, 8, 8, 8, 8, 8, 8, 8}))
          .constant("s", tensor<float>({2, 3}, {1, 2, 4, 8, 16, 0.5f}))
          .attributes(
              {{"axis", int64_t{1}}, {"block_size", int64_t{2}}, {"output_dtype", int64_t{5}}}));  // INT16
  EXPECT_EQ(values<int16_t>(y[0]), (std::vector<int16_t>{8, 8, 4, 4, 2, 1, 1, 0, 0, 16}));
}

TEST(ImportQuantize, TheScaleSaysInWhatIsDivided) {
  // The f16 next to 0.1 goes 10012.4 times into 1001; f16 has 10008 and 10016 there.
  const Tensor x = tensor<Half>({1}, {Half(1001)}), scale = tensor<Half>({}, {Half(0.1)});
  const auto divided = [&](Attributes attributes) {
    return values<int16_t>(evaluated(OneNode(23, "QuantizeLinear")
                                         .constant("x", with_layout(x.view(), Layout::nchw))
                                         .constant("s", with_layout(scale.view(), Layout::nchw))
                                         .constant("z", number(int16_t{0}))
                                         .attributes(std::move(attributes)))[0])[0];
  };
  EXPECT_EQ(divided({}), 10016);
  EXPECT_EQ(divided({{"precision", int64_t{1}}}), 10012);  // FLOAT
}

TEST(ImportDequantize, DifferencesAreExact) {
  const auto eight = evaluated(OneNode(13, "DequantizeLinear")
                                   .constant("x", tensor<uint8_t>({3}, {0, 128, 255}))
                                   .constant("s", number(0.5f))
                                   .constant("z", number(uint8_t{128})));
  EXPECT_EQ(values<float>(eight[0]), (std::vector<float>{-64, 0, 63.5f}));
  const auto sixteen = evaluated(OneNode(21, "DequantizeLinear")
                                     .constant("x", tensor<uint16_t>({2}, {0, 65535}))
                                     .constant("s", number(2.0f))
                                     .constant("z", number(uint16_t{65535})));
  EXPECT_EQ(values<float>(sixteen[0]), (std::vector<float>{-131070, 0}));
  // In f32 both numbers would be 16777216, and their difference 0.
  const auto bias = evaluated(OneNode(13, "DequantizeLinear")
                                  .constant("x", tensor<int32_t>({1}, {16777217}))
                                  .constant("s", number(0.25f))
                                  .constant("z", number(16777216)));
  EXPECT_EQ(values<float>(bias[0]), (std::vector<float>{0.25f}));
}

TEST(ImportDequantize, GivesTheTypeOfTheScaleOrTheOneAskedFor) {
  const auto half = evaluated(OneNode(21, "DequantizeLinear")
                                  .constant("x", tensor<int8_t>({2}, {-3, 100}))
                                  .constant("s", tensor<Half>({2}, {Half(0.5), Half(0.25)}))
                                  .attributes({{"axis", int64_t{0}}}));
  ASSERT_EQ(half[0].desc().type, DataType::f16);
  EXPECT_EQ(static_cast<float>(half[0].data<Half>()[0]), -1.5f);
  EXPECT_EQ(static_cast<float>(half[0].data<Half>()[1]), 25.0f);
  const auto asked = evaluated(OneNode(23, "DequantizeLinear")
                                   .constant("x", tensor<int8_t>({1}, {4}))
                                   .constant("s", number(0.5f))
                                   .attributes({{"output_dtype", int64_t{16}}}));  // BFLOAT16
  EXPECT_EQ(asked[0].desc().type, DataType::bf16);
}

TEST(ImportDequantize, GoesBackToWhereItCameFrom) {
  std::vector<int8_t> all;
  for (int i = -128; i < 128; ++i) all.push_back(static_cast<int8_t>(i));
  const auto x = evaluated(OneNode(13, "DequantizeLinear")
                               .constant("x", tensor<int8_t>({256}, all))
                               .constant("s", number(0.0123f))
                               .constant("z", number(int8_t{-5})));
  const auto y = evaluated(OneNode(13, "QuantizeLinear")
                               .constant("x", with_layout(x[0].view(), Layout::nchw))
                               .constant("s", number(0.0123f))
                               .constant("z", number(int8_t{-5})));
  EXPECT_EQ(values<int8_t>(y[0]), all);
}

TEST(ImportDynamicQuantize, ChoosesScaleAndZeroPoint) {
  const auto run = [](const std::vector<float>& x) {
    return evaluated(OneNode(11, "DynamicQuantizeLinear")
                         .constant("x", tensor<float>({static_cast<int64_t>(x.size())}, x))
                         .outputs({"y", "s", "z"}));
  };
  const auto both = run({-1, 0, 1.55f});
  EXPECT_EQ(values<float>(both[1]), (std::vector<float>{2.55f / 255}));
  EXPECT_EQ(values<uint8_t>(both[2]), (std::vector<uint8_t>{100}));
  EXPECT_EQ(values<uint8_t>(both[0]), (std::vector<uint8_t>{0, 100, 255}));
  const auto positive = run({255, 51});
  EXPECT_EQ(values<float>(positive[1]), (std::vector<float>{1}));
  EXPECT_EQ(values<uint8_t>(positive[0]), (std::vector<uint8_t>{255, 51}));
  const auto negative = run({-255, -51});
  EXPECT_EQ(values<uint8_t>(negative[2]), (std::vector<uint8_t>{255}));
  EXPECT_EQ(values<uint8_t>(negative[0]), (std::vector<uint8_t>{0, 204}));
  const auto zeros = run({0, 0});
  EXPECT_EQ(values<float>(zeros[1]), (std::vector<float>{0}));
  EXPECT_EQ(values<uint8_t>(zeros[0]), (std::vector<uint8_t>{0, 0}));
  EXPECT_EQ(values<uint8_t>(zeros[2]), (std::vector<uint8_t>{0}));
}

/// A 3x3 convolution of a 2x4x5x6 image in two groups, padded by one, to six channels.
struct SmallConv {
  static constexpr int64_t images = 2, inputs = 4, outputs = 6, height = 5, width = 6;
  std::vector<uint8_t> x = bytes<uint8_t>(images * inputs * height * width, 1);
  std::vector<int8_t> w = bytes<int8_t>(outputs * inputs / 2 * 9, 2);
  std::vector<int8_t> w_zero = {1, -2, 3, -128, 127, 0};
  uint8_t x_zero = 131;
  Attributes attributes = {{"pads", Ints{1, 1, 1, 1}}, {"group", int64_t{2}}};

  Tensor image() const { return tensor<uint8_t>({images, inputs, height, width}, x); }
  Tensor weights() const { return tensor<int8_t>({outputs, inputs / 2, 3, 3}, w); }
  /// The sums by the definition.
  std::vector<int64_t> sums() const {
    std::vector<int64_t> list;
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t k = 0; k < outputs; ++k) {
        for (int64_t at = 0; at < height * width; ++at) list.push_back(sum(n, k, at / width, at % width));
      }
    }
    return list;
  }
  int64_t sum(int64_t n, int64_t k, int64_t row, int64_t column) const {
    int64_t sum = 0;
    for (int64_t c = 0; c < inputs / 2; ++c) {
      for (int64_t tap = 0; tap < 9; ++tap) {
        const int64_t h = row + tap / 3 - 1, v = column + tap % 3 - 1;
        if (h < 0 || v < 0 || h >= height || v >= width) continue;
        const int64_t channel = k / (outputs / 2) * (inputs / 2) + c;
        const auto at = static_cast<size_t>(((n * inputs + channel) * height + h) * width + v);
        const auto weight = static_cast<size_t>((k * inputs / 2 + c) * 9 + tap);
        sum += (int64_t{x[at]} - x_zero) * (int64_t{w[weight]} - w_zero[static_cast<size_t>(k)]);
      }
    }
    return sum;
  }
};

TEST(ImportQuantized, ConvIntegerIsExact) {
  const SmallConv conv;
  const auto y = evaluated(OneNode(10, "ConvInteger")
                               .constant("x", conv.image())
                               .constant("w", conv.weights())
                               .constant("xz", number(conv.x_zero))
                               .constant("wz", tensor<int8_t>({6}, conv.w_zero))
                               .attributes(conv.attributes));
  const auto want = conv.sums();
  EXPECT_EQ(values<int32_t>(y[0]), (std::vector<int32_t>(want.begin(), want.end())));
}

TEST(ImportQuantized, ConvIntegerInOneDimensionNeedsNoZeroPoints) {
  const auto y = evaluated(OneNode(10, "ConvInteger")
                               .constant("x", tensor<uint8_t>({1, 1, 4}, {1, 2, 3, 255}))
                               .constant("w", tensor<uint8_t>({1, 1, 2}, {1, 255})));
  EXPECT_EQ(y[0].desc().shape, (Shape{1, 1, 3}));
  EXPECT_EQ(values<int32_t>(y[0]), (std::vector<int32_t>{511, 767, 65028}));
}

TEST(ImportQuantized, QLinearConvScalesAndQuantisesTheSums) {
  const SmallConv conv;
  const std::vector<float> w_scale = {0.01f, 0.02f, 0.03f, 0.001f, 0.002f, 0.05f};
  const std::vector<int32_t> bias = {1000, -1000, 0, 123456, -98765, 7};
  const float x_scale = 0.05f, y_scale = 0.2f;
  const uint8_t y_zero = 77;
  const auto y = values<uint8_t>(evaluated(OneNode(10, "QLinearConv")
                                               .constant("x", conv.image())
                                               .constant("xs", number(x_scale))
                                               .constant("xz", tensor<uint8_t>({1}, {conv.x_zero}))
                                               .constant("w", conv.weights())
                                               .constant("ws", tensor<float>({6}, w_scale))
                                               .constant("wz", tensor<int8_t>({6}, conv.w_zero))
                                               .constant("ys", number(y_scale))
                                               .constant("yz", number(y_zero))
                                               .constant("b", tensor<int32_t>({6}, bias))
                                               .attributes(conv.attributes))[0]);
  const auto sums = conv.sums();
  int inner = 0;
  for (size_t i = 0; i < sums.size(); ++i) {
    const size_t k = i / (conv.height * conv.width) % 6;
    const float scaled = static_cast<float>(sums[i] + bias[k]) * (x_scale * w_scale[k] / y_scale);
    const double want = saturated<uint8_t>(std::nearbyint(static_cast<double>(scaled)) + y_zero);
    ASSERT_EQ(y[i], want) << i;
    inner += y[i] != 0 && y[i] != 255;
  }
  EXPECT_GT(inner, 50);
}

TEST(ImportQuantized, MatMulIntegerTakesZeroPointsByRowAndColumn) {
  const auto a = bytes<int8_t>(2 * 3 * 4, 4);
  const auto b = bytes<uint8_t>(4 * 5, 5);
  const std::vector<int8_t> a_zero = {-128, 0, 127};
  const std::vector<uint8_t> b_zero = {0, 1, 128, 254, 255};
  const auto y = values<int32_t>(evaluated(OneNode(10, "MatMulInteger")
                                               .constant("a", tensor<int8_t>({2, 3, 4}, a))
                                               .constant("b", tensor<uint8_t>({4, 5}, b))
                                               .constant("az", tensor<int8_t>({3}, a_zero))
                                               .constant("bz", tensor<uint8_t>({5}, b_zero)))[0]);
  ASSERT_EQ(y.size(), 30u);
  for (size_t i = 0; i < y.size(); ++i) {
    const size_t row = i / 5, column = i % 5;
    int32_t sum = 0;
    for (size_t k = 0; k < 4; ++k)
      sum += (a[row * 4 + k] - a_zero[row % 3]) * (b[k * 5 + column] - b_zero[column]);
    EXPECT_EQ(y[i], sum) << i;
  }
}

TEST(ImportQuantized, QLinearMatMulScalesAndQuantisesTheSums) {
  const auto a = bytes<uint8_t>(3 * 40, 6);
  const auto b = bytes<int8_t>(40 * 5, 7);
  const std::vector<Half> scales = {Half(0.02), Half(0.03), Half(0.25)};
  const auto y = values<int8_t>(evaluated(OneNode(21, "QLinearMatMul")
                                              .constant("a", tensor<uint8_t>({3, 40}, a))
                                              .constant("as", tensor<Half>({}, {scales[0]}))
                                              .constant("az", number(uint8_t{128}))
                                              .constant("b", tensor<int8_t>({40, 5}, b))
                                              .constant("bs", tensor<Half>({1}, {scales[1]}))
                                              .constant("bz", number(int8_t{2}))
                                              .constant("ys", tensor<Half>({}, {scales[2]}))
                                              .constant("yz", number(int8_t{-3})))[0]);
  const auto f32 = [&](size_t i) { return static_cast<float>(scales[i]); };
  for (size_t i = 0; i < y.size(); ++i) {
    int32_t sum = 0;
    for (size_t k = 0; k < 40; ++k) sum += (a[i / 5 * 40 + k] - 128) * (b[k * 5 + i % 5] - 2);
    const float scaled = static_cast<float>(sum) * (f32(0) * f32(1) / f32(2));
    EXPECT_EQ(y[i], saturated<int8_t>(std::nearbyint(static_cast<double>(scaled)) - 3)) << i;
  }
}

TEST(ImportQuantized, WeightsQuantisedByChannelBecomeConstants) {
  const TempFolder folder;
  OnnxWriter writer("qdq", 13);
  writer.input("x", Shape{1, 3, 8, 8});
  writer.output("y", Shape{1, 4, 6, 6});
  writer.initializer("xs", number(0.1f));
  writer.initializer("xz", number(uint8_t{128}));
  writer.initializer("w", tensor<int8_t>({4, 3, 3, 3}, bytes<int8_t>(108, 8)));
  writer.initializer("ws", tensor<float>({4}, {0.1f, 0.2f, 0.3f, 0.4f}));
  writer.initializer("wz", tensor<int8_t>({4}, {0, 0, 0, 0}));
  writer.initializer("b", tensor<int32_t>({4}, {1, 2, 3, 4}));
  writer.initializer("bs", tensor<float>({4}, {0.01f, 0.02f, 0.03f, 0.04f}));
  writer.node("QuantizeLinear", {"x", "xs", "xz"}, {"xq"}, {}, "q");
  writer.node("DequantizeLinear", {"xq", "xs", "xz"}, {"xd"}, {}, "dq");
  writer.node("DequantizeLinear", {"w", "ws", "wz"}, {"wd"}, {{"axis", int64_t{0}}}, "dw");
  writer.node("DequantizeLinear", {"b", "bs"}, {"bd"}, {{"axis", int64_t{0}}}, "db");
  writer.node("Conv", {"xd", "wd", "bd"}, {"y"}, {}, "conv");
  writer.write(folder / "qdq.onnx");
  Reference reference;
  const Graph graph = run_passes(OnnxModel::load(folder / "qdq.onnx").build({}, reference.evaluator()),
                                 reference.evaluator());
  const Node& conv = graph.node(graph.find_node("conv"));
  ASSERT_TRUE(graph.is_constant(conv.inputs[1]) && graph.is_constant(conv.inputs[2]));
  EXPECT_EQ(graph.constant(conv.inputs[1]).data<float>()[107], 0.4f * bytes<int8_t>(108, 8)[107]);
  EXPECT_EQ(graph.constant(conv.inputs[2]).data<float>()[3], 4 * 0.04f);
  // Quantising the image stays: divide, round, shift, saturate, cast; and back: cast, shift, multiply.
  EXPECT_EQ(graph.nodes().size(), 9u) << graph.to_string();
}

TEST(ImportQuantized, OtherTypesAreRefusedByNodeAndType) {
  const auto refusal = [](OneNode& node) { return thrown<UnsupportedError>([&] { node.build(); }); };
  const auto expect = [](const std::string& text, const std::string& type) {
    EXPECT_TRUE(contains(text, "node 'n'") && contains(text, type)) << text;
  };
  expect(refusal(OneNode(21, "QuantizeLinear")
                     .input("x", {2})
                     .constant("s", number(1.0f))
                     .attributes({{"output_dtype", int64_t{22}}})),
         "INT4");
  expect(refusal(OneNode(19, "Cast").input("x", {2}).attributes({{"to", int64_t{17}}})), "FLOAT8E4M3FN");
  expect(refusal(OneNode(13, "Cast").input("x", {2}).attributes({{"to", int64_t{8}}})), "STRING");
  expect(refusal(OneNode(13, "QuantizeLinear").input("x", {2}, DataType::f64).constant("s", number(1.0f))),
         "f64");
  expect(refusal(OneNode(13, "DequantizeLinear").input("x", {2}, DataType::u32).constant("s", number(1.0f))),
         "u32");
  expect(refusal(
             OneNode(10, "MatMulInteger").input("a", {2, 2}, DataType::i16).input("b", {2, 2}, DataType::i8)),
         "i16");
}

TEST(ImportQuantized, ParametersThatDoNotFitAreErrors) {
  const auto error = [](OneNode& node) { return thrown<GraphError>([&] { node.build(); }); };
  const auto quantize = [](int64_t axis, int64_t block, const Shape& scales) {
    return std::move(OneNode(21, "QuantizeLinear")
                         .input("x", {4, 6})
                         .weights("s", scales)
                         .attributes({{"axis", axis}, {"block_size", block}}));
  };
  for (const auto& [axis, block, scales] : {std::tuple<int64_t, int64_t, Shape>{1, 0, {4}},
                                            {2, 0, {6}},
                                            {1, 4, {4, 3}},
                                            {1, -1, {4, 6}},
                                            {1, 4, {3, 2}},
                                            {1, int64_t{1} << 62, {4, 2}},
                                            {0, 0, {2, 2, 2}}}) {
    OneNode node = quantize(axis, block, scales);
    EXPECT_TRUE(contains(error(node), "'n' (QuantizeLinear)")) << axis << ' ' << block;
  }
  EXPECT_TRUE(contains(error(OneNode(13, "DequantizeLinear")
                                 .input("x", {2}, DataType::i8)
                                 .constant("s", number(1.0f))
                                 .constant("z", number(uint8_t{1}))),
                       "zero point"));
  EXPECT_TRUE(contains(error(OneNode(10, "MatMulInteger")
                                 .input("a", {2, 3}, DataType::u8)
                                 .input("b", {3, 2}, DataType::u8)
                                 .constant("z", tensor<uint8_t>({5, 1, 1}, {1, 2, 3, 4, 5}))),
                       "spread"));
}

}  // namespace
}  // namespace raceline
