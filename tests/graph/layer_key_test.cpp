// Keys of layers: text that stands for a layer, and back.
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/graph/graph.h"
#include "tests/graph/layer_maker.h"

namespace raceline {
namespace {

using test::LayerMaker;

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

TEST(LayerKey, LeavesOutDefaultsButForTheKindOfFunction) {
  EXPECT_EQ(LayerDesc::parse("conv2d 1x3x8x8 4x3x3x3* stride=1x1 group=1 pads_end=0x0").key(),
            "conv2d 1x3x8x8 4x3x3x3*");
  EXPECT_EQ(LayerDesc::parse("  conv2d\t1x3x8x8  4x3x3x3* - ").key(), "conv2d 1x3x8x8 4x3x3x3*");
  EXPECT_EQ(LayerDesc::parse("conv2d 1x3x8x8 4x3x3x3* - 1x4x6x6 +add").key(),
            "conv2d 1x3x8x8 4x3x3x3* 1x4x6x6 +add");
  EXPECT_EQ(LayerDesc::parse("slice 3x4 start=0x0 step=1x1 size=3x4").key(), "slice 3x4");
  EXPECT_EQ(LayerDesc::parse("unary 3 kind=relu alpha=7 beta=8").key(), "unary 3 kind=relu");
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
      {"conv2d 1x3x8x8 4x3x3x3*3/256", "block density"},
      {"conv2d 1x3x8x8 4x3x3x3*3/", "block density"},
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
