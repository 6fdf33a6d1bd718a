// Keys of layers: text that stands for a layer, and back.
#include <array>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/graph/graph.h"

namespace raceline {
namespace {

/// Random layers of every op. Made from parts that fit more often than not; those that don't are drawn again.
class LayerMaker {
 public:
  explicit LayerMaker(uint64_t seed) : random_(seed) {}

  LayerDesc make(OpKind op) {
    for (;;) {
      try {
        return draw(op);
      } catch (const GraphError&) {
        continue;
      }
    }
  }
  Random& random() { return random_; }

 private:
  int64_t from(int64_t least, int64_t most) { return least + random_.below(most - least + 1); }
  std::vector<int64_t> values(int64_t count, int64_t least, int64_t most) {
    if (random_.below(3) == 0) return {};
    std::vector<int64_t> list;
    while (static_cast<int64_t>(list.size()) < count) list.push_back(from(least, most));
    return list;
  }
  Shape shape(int64_t rank, int64_t least = 1, int64_t most = 9) {
    std::vector<int64_t> dims;
    while (static_cast<int64_t>(dims.size()) < rank) dims.push_back(from(least, most));
    return Shape(dims);
  }
  float real() {
    constexpr std::array<float, 8> some = {0, 1, 6, -0.5f, 1e-5f, 0.01f, 3.4e38f, 16777217.0f};
    return random_.below(3) == 0 ? some[static_cast<size_t>(random_.below(8))]
                                 : static_cast<float>(random_.normal());
  }
  OperandDesc operand(const Shape& shape, DataType type = DataType::f32) {
    OperandDesc operand{.desc = {type, shape}};
    operand.constant = random_.below(3) == 0;
    if (operand.constant && random_.below(4) == 0) operand.density = static_cast<uint8_t>(random_.below(256));
    if (random_.below(8) == 0) operand.scale = real();
    if (random_.below(8) == 0) operand.zero_point = static_cast<int32_t>(random_.next());
    return operand;
  }
  UnaryParams unary(bool integers) {
    for (;;) {
      const auto kind = static_cast<UnaryKind>(random_.below(static_cast<int64_t>(UnaryKind::logical_not)));
      if (!integers || kind == UnaryKind::abs || kind == UnaryKind::clip) return {kind, real(), real()};
    }
  }
  template <class Params>
  Params window(int64_t spatial) {
    Params p;
    p.stride = values(spatial, 1, 3);
    p.dilation = values(spatial, 1, 2);
    p.pads_begin = values(spatial, 0, 2);
    p.pads_end = values(spatial, 0, 2);
    return p;
  }

  LayerDesc draw(OpKind op) {
    std::vector<OperandDesc> inputs;
    OpParams params = op_info(op).defaults;
    int outputs = 1;
    const int64_t spatial = op == OpKind::conv2d ? 2 : op == OpKind::conv3d ? 3 : from(1, 3);
    const int64_t group = from(1, 3);
    switch (op) {
      case OpKind::conv2d:
      case OpKind::conv3d: {
        auto p = window<ConvParams>(spatial);
        p.group = group;
        const Shape weights = shape(spatial + 2, 1, 3);
        inputs = {operand(shape(spatial + 2, 3, 9).with(1, group * weights[1])),
                  operand(weights.with(0, group * weights[0]))};
        if (random_.below(2) == 0) inputs.push_back(operand(Shape{group * weights[0]}));
        params = p;
        break;
      }
      case OpKind::conv_transpose: {
        auto p = window<ConvTransposeParams>(spatial);
        p.output_padding = values(spatial, 0, 1);
        p.group = group;
        const Shape weights = shape(spatial + 2, 1, 3).with(0, group * from(1, 2));
        inputs = {operand(shape(spatial + 2, 3, 9).with(1, weights[0])), operand(weights)};
        params = p;
        break;
      }
      case OpKind::max_pool:
      case OpKind::average_pool: {
        auto p = window<PoolParams>(spatial);
        p.kernel = values(spatial, 1, 3);
        p.ceil_mode = random_.below(2) == 1;
        p.count_include_pad = random_.below(2) == 1;
        p.column_major = random_.below(2) == 1;
        inputs = {operand(shape(spatial + 2))};
        if (op == OpKind::max_pool) outputs = static_cast<int>(from(1, 2));
        params = p;
        break;
      }
      case OpKind::gemm: {
        const GemmParams p{real(), real(), random_.below(2) == 1, random_.below(2) == 1};
        const int64_t m = from(1, 9), k = from(1, 9), n = from(1, 9);
        inputs = {operand(p.trans_a ? Shape{k, m} : Shape{m, k}),
                  operand(p.trans_b ? Shape{n, k} : Shape{k, n})};
        if (random_.below(2) == 0) inputs.push_back(operand(random_.below(2) == 0 ? Shape{n} : Shape{}));
        params = p;
        break;
      }
      case OpKind::matmul: {
        const int64_t k = from(1, 9);
        inputs = {operand(Shape{2, from(1, 9), k}),
                  operand(random_.below(2) == 0 ? Shape{k} : Shape{1, k, from(1, 9)})};
        break;
      }
      case OpKind::batch_norm: {
        const Shape x = shape(from(2, 5));
        inputs = {operand(x)};
        for (int index = 0; index < 4; ++index) inputs.push_back(operand(Shape{x[1]}));
        params = BatchNormParams{real()};
        break;
      }
      case OpKind::lrn:
        inputs = {operand(shape(4))};
        params = LrnParams{from(1, 7), real(), real(), real()};
        break;
      case OpKind::softmax: {
        const int64_t first = from(0, 2);
        inputs = {operand(shape(from(3, 4)))};
        params = SoftmaxParams{first, from(first + 1, 3), random_.below(2) == 1};
        break;
      }
      case OpKind::unary: {
        const bool integers = random_.below(4) == 0;
        inputs = {operand(shape(from(0, 8)), integers ? DataType::i32 : DataType::f32)};
        params = unary(integers);
        break;
      }
      case OpKind::binary: {
        const Shape x = shape(from(1, 4));
        inputs = {operand(x), operand(random_.below(2) == 0 ? x : Shape{x[x.rank() - 1]})};
        params = BinaryParams{static_cast<BinaryKind>(random_.below(13))};
        break;
      }
      case OpKind::concat: {
        const Shape x = shape(from(1, 4));
        const int64_t axis = random_.below(x.rank());
        for (int64_t left = from(1, 5); left > 0; --left) {
          inputs.push_back(operand(x.with(static_cast<int>(axis), from(0, 5))));
        }
        params = ConcatParams{random_.below(2) == 0 ? axis : axis - x.rank()};
        break;
      }
      case OpKind::reshape: {
        const int64_t a = from(1, 9), b = from(1, 9);
        inputs = {operand(random_.below(4) == 0 ? Shape{} : Shape{a, b})};
        if (inputs[0].desc.shape.rank() > 0) params = ReshapeParams{{b, 1, a}};
        break;
      }
      case OpKind::transpose:
        inputs = {operand(shape(3))};
        params = random_.below(2) == 0 ? TransposeParams{} : TransposeParams{{1, 2, 0}};
        break;
      case OpKind::slice: {
        inputs = {operand(shape(2, 4, 9))};
        params = SliceParams{values(2, 0, 3), values(2, 0, 4), values(2, -1, 2)};
        break;
      }
      case OpKind::gather:
        inputs = {operand(shape(from(1, 3))),
                  operand(shape(from(0, 3)), random_.below(2) == 0 ? DataType::i64 : DataType::i32)};
        params = GatherParams{random_.below(2) - 1};
        break;
      case OpKind::pad:
        inputs = {operand(shape(2, 3, 9))};
        params = PadParams{static_cast<PadMode>(random_.below(4)), values(2, -1, 2), values(2, -1, 2),
                           random_.normal()};
        break;
      case OpKind::cast:
        inputs = {operand(shape(from(0, 4)), static_cast<DataType>(random_.below(13)))};
        params = CastParams{static_cast<DataType>(random_.below(13))};
        break;
      case OpKind::expand: {
        const int64_t dim = from(0, 5);
        inputs = {operand(Shape{dim, 1})};
        params = ExpandParams{{from(1, 3), dim, from(0, 4)}};
        break;
      }
      case OpKind::shape_of: {
        const int64_t start = from(0, 3);
        inputs = {operand(shape(3))};
        params = ShapeOfParams{start, from(start, 3)};
        break;
      }
      case OpKind::identity:
        inputs = {operand(shape(from(0, 8), 0, 3), static_cast<DataType>(random_.below(13)))};
        break;
      case OpKind::reorder: {
        const auto side = [&](DataType type) {
          return Interface{
              {static_cast<DeviceKind>(random_.below(3)), static_cast<uint8_t>(random_.below(3))},
              static_cast<Layout>(random_.below(4)),
              type};
        };
        const auto type = static_cast<DataType>(random_.below(13));
        inputs = {operand(shape(4), type)};
        params = ReorderParams{side(type), side(static_cast<DataType>(random_.below(13)))};
        break;
      }
    }
    return with_epilogue(op, params, inputs, outputs);
  }

  LayerDesc with_epilogue(OpKind op, const OpParams& params, std::vector<OperandDesc> inputs, int outputs) {
    const LayerDesc plain = LayerDesc::make(op, params, inputs, {}, outputs);
    if (op == OpKind::reorder || plain.outputs[0].type != DataType::f32 || random_.below(2) == 0)
      return plain;
    std::vector<EpilogueStep> steps;
    for (int64_t left = from(1, 3); left > 0; --left)
      steps.push_back({EpilogueStep::Kind::unary, unary(false)});
    if (random_.below(2) == 0) {
      steps[static_cast<size_t>(random_.below(static_cast<int64_t>(steps.size())))] = {
          EpilogueStep::Kind::add, {}};
      if (random_.below(2) == 0 && static_cast<int>(inputs.size()) < op_info(op).max_operands) {
        inputs.push_back({.present = false});
      }
      inputs.push_back(operand(plain.outputs[0].shape));
    }
    return LayerDesc::make(op, params, inputs, steps, outputs);
  }

  Random random_;
};

TEST(LayerKey, IsReadBackToTheSameLayerForEveryOp) {
  constexpr uint64_t seed = 71;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  LayerMaker maker(seed);
  for (const OpInfo& info : all_ops()) {
    std::set<std::string> keys;
    for (int round = 0; round < 400; ++round) {
      const LayerDesc layer = maker.make(info.op);
      const std::string key = layer.key();
      keys.insert(key);
      LayerDesc back;
      ASSERT_NO_THROW(back = LayerDesc::parse(key)) << key;
      ASSERT_EQ(back, layer) << key << " became " << back.key();
      ASSERT_EQ(back.key(), key);
      ASSERT_GE(layer.flops(), 0);
      ASSERT_GE(layer.bytes_moved(), 0);
    }
    EXPECT_GT(keys.size(), 20u) << info.name;
  }
}

TEST(LayerKey, DiffersWhenTheLayerDoes) {
  constexpr uint64_t seed = 72;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  LayerMaker maker(seed);
  std::map<std::string, LayerDesc> layers;
  for (const OpInfo& info : all_ops()) {
    for (int round = 0; round < 200; ++round) {
      const LayerDesc layer = maker.make(info.op);
      const auto [at, added] = layers.try_emplace(layer.key(), layer);
      ASSERT_EQ(at->second, layer) << layer.key();
    }
  }
}

TEST(LayerKey, ReadsAsInTheDocumentation) {
  const auto f32 = [](Shape shape, bool constant = false) {
    return OperandDesc{.desc = {DataType::f32, shape}, .constant = constant};
  };
  const LayerDesc conv = LayerDesc::make(OpKind::conv2d, ConvParams{.pads_begin = {1, 1}, .pads_end = {1, 1}},
                                         {f32({1, 64, 56, 56}), f32({64, 64, 3, 3}, true), f32({64}, true)},
                                         {{EpilogueStep::Kind::unary, {}}});
  EXPECT_EQ(conv.key(), "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1 +relu");
  const TensorDesc tensor{DataType::f32, {1, 64, 56, 56}};
  EXPECT_EQ(LayerDesc::reorder(tensor, {}, {{}, Layout::nhwc}).key(),
            "reorder 1x64x56x56 from=cpu:nchw to=cpu:nhwc");
  EXPECT_EQ(LayerDesc::reorder(tensor, {}, {}).key(), "reorder 1x64x56x56 from=cpu:nchw to=cpu:nchw");
  EXPECT_EQ(to_string(EpilogueStep{EpilogueStep::Kind::add, {}}), "add");
  EXPECT_EQ(to_string(EpilogueStep{EpilogueStep::Kind::unary, {UnaryKind::clip, 0, 6}}), "clip(0,6)");
  EXPECT_EQ(to_string(EpilogueStep{EpilogueStep::Kind::unary, {UnaryKind::leaky_relu, 0.1f, 0}}),
            "leaky_relu(0.1)");
}

TEST(LayerKey, LeavesOutDefaultsHoweverTheyAreGiven) {
  EXPECT_EQ(LayerDesc::parse("conv2d 1x3x8x8 4x3x3x3* stride=1x1 group=1 pads_end=0x0").key(),
            "conv2d 1x3x8x8 4x3x3x3*");
  EXPECT_EQ(LayerDesc::parse("  conv2d\t1x3x8x8  4x3x3x3* - ").key(), "conv2d 1x3x8x8 4x3x3x3*");
  EXPECT_EQ(LayerDesc::parse("conv2d 1x3x8x8 4x3x3x3* - 1x4x6x6 +add").key(),
            "conv2d 1x3x8x8 4x3x3x3* 1x4x6x6 +add");
  EXPECT_EQ(LayerDesc::parse("slice 3x4 start=0x0 step=1x1 size=3x4").key(), "slice 3x4");
  EXPECT_EQ(LayerDesc::parse("unary 3 kind=relu alpha=7 beta=8").key(), "unary 3");
}

TEST(LayerKey, RefusesWhatIsNoKey) {
  const std::pair<const char*, const char*> cases[] = {
      {"", "empty"},
      {"   ", "empty"},
      {"convolution 1x3", "no op"},
      {"conv2d 1x3x8x8 4x3x3x3 strde=1x1", "no parameter 'strde'"},
      {"identity 3 axis=1", "the op has none"},
      {"conv2d 1x3x8x8 4x3x3x3 stride=1x1 stride=2x2", "given twice"},
      {"conv2d 1x3x8x8 4x3x3x3 stride=1xa", "'a' is not a whole number"},
      {"conv2d 1x3x8x8 4x3x3x3 stride=99999999999999999999x1", "stride"},
      {"conv2d 1x3x8x8 4x3x-3x3", "negative"},
      {"conv2d 1x3x8x8 4x3x3x3**", "density"},
      {"conv2d 1x3x8x8 4x3x3x3*256", "0 to 255 wanted"},
      {"conv2d 1x3x8x8@inf 4x3x3x3", "not finite"},
      {"conv2d 1x3x8x8@1@2@3 4x3x3x3", "more than scale and zero"},
      {"conv2d 1x3x8x8@1@99999999999 4x3x3x3", "zero point"},
      {"conv2d 1x3x8x8 4x3x3x3 +", "no unary function"},
      {"conv2d 1x3x8x8 4x3x3x3 +clip", "2 wanted"},
      {"conv2d 1x3x8x8 4x3x3x3 +clip(0", "closing bracket"},
      {"conv2d 1x3x8x8 4x3x3x3 +clip(0,6", "closing bracket"},
      {"conv2d 1x3x8x8 4x3x3x3 +clip(0,six)", "'six' is not a number"},
      {"conv2d 1x3x8x8 4x3x3x3 +relu()", "0 wanted"},
      {"max_pool 1x3x8 kernel=2 outputs=0", "outputs"},
      {"max_pool 1x3x8 kernel=2 ceil=yes", "0 or 1 wanted"},
      {"identity 1x1x1x1x1x1x1x1x1", "at most 8"},
      {"identity 1048576x1048576x2", "more than 2^40"},
      {"cast 3 to=f8", "no data type"},
      {"reorder 1x3x8x8 to=gpu:nchw", "gpu"},
  };
  for (const auto& [key, why] : cases) {
    try {
      LayerDesc::parse(key);
      ADD_FAILURE() << "'" << key << "' was read";
    } catch (const ParseError& error) {
      EXPECT_NE(std::string(error.what()).find(why), std::string::npos) << key << ": " << error.what();
    }
  }
}

TEST(LayerKey, OfAnyLengthIsReadOrRefusedWithAShortText) {
  for (const char* piece : {"x1", " 1x1", " a=1", " +relu", "*", " -", "@1", "=", "1"}) {
    for (const size_t length : {size_t{5000}, size_t{2000000}}) {
      std::string key = "concat 1x1";
      while (key.size() < length) key += piece;
      try {
        LayerDesc::parse(key);
      } catch (const ParseError& error) {
        EXPECT_LT(std::string_view(error.what()).size(), 20000u) << piece;
      }
    }
  }
}

/// Keys with some bytes changed, taken out, doubled or swapped between two: read or refused, never worse.
TEST(LayerKey, SurvivesDamage) {
  constexpr uint64_t seed = 73;
  SCOPED_TRACE(fmt::format("seed {}", seed));
  LayerMaker maker(seed);
  Random& random = maker.random();
  constexpr std::string_view bytes = "0123456789x*-+=@:., ()\tabn\0\xff";
  int read = 0;
  int refused = 0;
  for (int round = 0; round < 20000; ++round) {
    const auto op = static_cast<OpKind>(random.below(static_cast<int64_t>(all_ops().size())));
    std::string key = maker.make(op).key();
    for (int64_t changes = 1 + random.below(3); changes > 0; --changes) {
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(key.size())));
      const char byte = bytes[static_cast<size_t>(random.below(static_cast<int64_t>(bytes.size())))];
      switch (random.below(3)) {
        case 0:
          key[at] = byte;
          break;
        case 1:
          key.insert(at, 1, byte);
          break;
        default:
          key.insert(at, key.substr(at / 2, 1 + at / 2));
      }
    }
    try {
      const LayerDesc layer = LayerDesc::parse(key);
      ASSERT_EQ(LayerDesc::parse(layer.key()), layer) << key;
      ++read;
    } catch (const ParseError&) {
      ++refused;
    }
  }
  EXPECT_GT(read, 100);
  EXPECT_GT(refused, 1000);
}

TEST(LayerKey, OfAGraphsLayersIsReadBack) {
  Graph graph;
  const ValueId x = graph.add_input("x", {DataType::f32, {1, 3, 8, 8}});
  const ValueId w = graph.add_constant("w", Tensor({DataType::f32, {4, 3, 3, 3}}));
  const NodeId conv = graph.add_node("conv", OpKind::conv2d, ConvParams{}, {x, w, absent});
  const NodeId pool = graph.add_node("pool", OpKind::max_pool, PoolParams{.kernel = {2, 2}},
                                     {graph.node(conv).outputs[0]}, {"y", "i"});
  EXPECT_EQ(graph.layer(conv).key(), "conv2d 1x3x8x8 4x3x3x3*");
  EXPECT_EQ(LayerDesc::parse(graph.layer(conv).key()).key(), graph.layer(conv).key());
  EXPECT_EQ(graph.layer(pool).key(), "max_pool 1x4x6x6 kernel=2x2 outputs=2");
  EXPECT_EQ(LayerDesc::parse(graph.layer(pool).key()), graph.layer(pool));
}

}  // namespace
}  // namespace raceline
