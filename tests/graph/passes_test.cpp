// The list of passes: its switches, and that it never changes what a network computes.
#include "raceline/graph/passes/passes.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/graph/graph_maker.h"

namespace raceline {
namespace {

using test::GraphMaker;

/// One of everything: each pass finds something to do.
Graph busy_graph() {
  GraphMaker g;
  const ValueId x = g.input("x", {1, 3, 6, 6});
  const ValueId folded = g.add("folded", {g.constant("a", {3, 1, 1}), g.constant("b", {3, 1, 1})});
  ValueId v = g.node("dropout", OpKind::identity, NoParams{}, {g.batch_norm("bn", g.conv3x3("conv1", x, 3))});
  v = g.relu("relu1", g.add("bias", {g.conv3x3("conv2", v, 3), folded}));
  v = g.relu("relu2", g.add("residual", {g.conv3x3("conv3", v, 3), v}));
  v = g.node("pool", OpKind::max_pool, PoolParams{.kernel = {2, 2}, .stride = {2, 2}},
             {g.relu("relu4", g.conv3x3("conv4", v, 3))});
  g.relu("dead", v);
  g.output(v);
  return g.take();
}

bool has_node(const Graph& graph, std::string_view name) {
  return graph.find_node(name) != absent;
}

TEST(Passes, RunInTheirOrderAndCheckTheGraph) {
  const Graph graph = run_passes(busy_graph(), test::stand_in);
  std::vector<std::string> names;
  for (const Node& node : graph.nodes()) names.push_back(node.name);
  EXPECT_EQ(names, (std::vector<std::string>{"conv1", "conv2", "relu1", "conv3", "residual", "relu2", "conv4",
                                             "relu4", "pool"}));
  ASSERT_EQ(graph.fusions().size(), 5u);
  EXPECT_EQ(graph.layer(graph.fusions()[0]).key(),
            "conv2d 1x3x6x6 3x3x3x3* 3* pads_begin=1x1 pads_end=1x1 +relu");
  EXPECT_EQ(graph.layer(graph.fusions()[1]).key(),
            "conv2d 1x3x6x6 3x3x3x3* pads_begin=1x1 pads_end=1x1 +relu");
  EXPECT_EQ(graph.layer(graph.fusions()[2]).key(),
            "conv2d 1x3x6x6 3x3x3x3* 1x3x6x6 pads_begin=1x1 pads_end=1x1 +add");
  EXPECT_EQ(graph.layer(graph.fusions()[3]).key(),
            "conv2d 1x3x6x6 3x3x3x3* 1x3x6x6 pads_begin=1x1 pads_end=1x1 +add +relu");
  EXPECT_EQ(graph.layer(graph.fusions()[4]).key(),
            "conv2d_max_pool 1x3x6x6 3x3x3x3* pads_begin=1x1 pads_end=1x1 window=2x2 +relu");
  for (const Fusion& fusion : graph.fusions()) {
    EXPECT_EQ(LayerDesc::parse(graph.layer(fusion).key()).key(), graph.layer(fusion).key());
  }
}

TEST(Passes, CanEachBeLeftOutByName) {
  const std::string all = run_passes(busy_graph(), test::stand_in).to_string();
  const auto without = [&](const char* name) {
    return run_passes(busy_graph(), test::stand_in, {.without = {name}});
  };
  for (const Pass& pass : all_passes()) {
    const Graph graph = without(std::string(pass.name).c_str());
    EXPECT_NE(graph.to_string(), all) << pass.name;
    EXPECT_LT(test::largest_difference(busy_graph(), graph, 3), 2e-5) << pass.name;
  }
  EXPECT_TRUE(has_node(without("fold_constants"), "folded"));
  EXPECT_TRUE(has_node(without("remove_dead_code"), "dead"));
  EXPECT_TRUE(has_node(without("remove_identity"), "dropout"));
  EXPECT_TRUE(has_node(without("fold_batch_norm"), "bn"));
  EXPECT_TRUE(has_node(without("fold_bias"), "bias"));
  EXPECT_EQ(without("fuse_activation").fusions().size(), 3u);
  EXPECT_EQ(without("fuse_residual").fusions().size(), 3u);
  EXPECT_EQ(without("fuse_max_pool").fusions().size(), 4u);
}

TEST(Passes, KeepThePapersLayersWithoutFusion) {
  const Graph graph = run_passes(busy_graph(), test::stand_in, {.fusion = false});
  EXPECT_TRUE(graph.fusions().empty());
  EXPECT_TRUE(has_node(graph, "bn"));
  EXPECT_TRUE(has_node(graph, "bias"));
  EXPECT_FALSE(has_node(graph, "dropout"));
  EXPECT_FALSE(has_node(graph, "dead"));
  std::vector<std::string_view> fusion;
  for (const Pass& pass : all_passes()) {
    if (pass.fusion) fusion.push_back(pass.name);
    EXPECT_FALSE(pass.what.empty());
  }
  EXPECT_EQ(fusion, (std::vector<std::string_view>{"fold_batch_norm", "fold_bias", "fuse_activation",
                                                   "fuse_residual", "fuse_max_pool"}));
}

TEST(Passes, NameTheNearestOfAnUnknownOne) {
  try {
    run_passes(busy_graph(), test::stand_in, {.without = {"fuse_activations"}});
    FAIL();
  } catch (const UnsupportedError& error) {
    EXPECT_NE(std::string(error.what()).find("fuse_activation"), std::string::npos) << error.what();
  }
}

TEST(Passes, FoldWithoutAnEvaluatorWhatNeedsNone) {
  GraphMaker g;
  const ValueId x = g.input("x", {2, 3});
  const ValueId kept = g.add("kept", {g.constant("a", {3}), g.constant("b", {3})});
  g.output(g.add("y", {x, kept}));
  g.output(g.node("shape", OpKind::shape_of, ShapeOfParams{0, 2}, {x}), "shape");
  const Graph graph = fold_constants(g.take(), {});
  EXPECT_TRUE(has_node(graph, "kept"));
  const TensorView shape = graph.constant(graph.outputs()[1].value);
  EXPECT_EQ(shape.data<const int64_t>()[0], 2);
  EXPECT_EQ(shape.data<const int64_t>()[1], 3);
}

TEST(FoldConstants, RefusesAResultOfAnotherShape) {
  const auto wrong = [](const LayerDesc&, std::span<const TensorView>) {
    std::vector<Tensor> results;
    results.emplace_back(TensorDesc{DataType::f32, {7}});
    return results;
  };
  EXPECT_THROW(fold_constants(busy_graph(), wrong), GraphError);
  EXPECT_THROW(fold_constants(busy_graph(), [](const auto&, auto) { return std::vector<Tensor>(); }),
               GraphError);
}

TEST(FoldConstants, TellsTheEvaluatorThatAllOperandsAreConstant) {
  int layers = 0;
  const auto evaluate = [&](const LayerDesc& layer, std::span<const TensorView> operands) {
    ++layers;
    for (const OperandDesc& operand : layer.inputs) EXPECT_TRUE(operand.constant);
    return test::stand_in(layer, operands);
  };
  GraphMaker g;
  const ValueId a = g.add("a", {g.constant("c", {3}), g.constant("d", {3})});
  g.output(g.add("y", {g.input("x", {3}), g.add("b", {a, a})}));
  fold_constants(g.take(), evaluate);
  EXPECT_EQ(layers, 2);
}

TEST(FoldBatchNorm, ComputesInDouble) {
  // 1/3 of a weight, moved by a mean that a float would swallow.
  Graph graph;
  const auto constant = [&](const char* name, const Shape& shape, float value) {
    std::vector<float> values(static_cast<size_t>(shape.elements()), value);
    return graph.add_constant(name, Tensor::of<float>(shape, values));
  };
  const ValueId x = graph.add_input("x", {DataType::f32, {1, 1, 1, 1}});
  const NodeId conv = graph.add_node("conv", OpKind::conv2d, ConvParams{},
                                     {x, constant("w", {1, 1, 1, 1}, 0.1f), constant("b", {1}, 16777216.0f)});
  const NodeId bn =
      graph.add_node("bn", OpKind::batch_norm, BatchNormParams{0},
                     {graph.node(conv).outputs[0], constant("scale", {1}, 3), constant("bias", {1}, 0.25f),
                      constant("mean", {1}, 16777216.0f), constant("variance", {1}, 9)});
  graph.mark_output(graph.node(bn).outputs[0], "y");
  const Graph folded = fold_batch_norm(std::move(graph), {});
  ASSERT_EQ(folded.nodes().size(), 1u);
  EXPECT_EQ(folded.constant(folded.node(0).inputs[1]).data<const float>()[0], 0.1f);
  EXPECT_EQ(folded.constant(folded.node(0).inputs[2]).data<const float>()[0], 0.25f);
}

TEST(FoldBatchNorm, FoldsDoublesAndLeavesHalves) {
  for (const DataType type : {DataType::f64, DataType::f16}) {
    Graph graph;
    const auto constant = [&](const char* name, const Shape& shape) {
      Tensor tensor({type, shape});
      std::memset(tensor.bytes().data(), 0x3c, tensor.bytes().size());
      return graph.add_constant(name, std::move(tensor));
    };
    const ValueId x = graph.add_input("x", {type, {1, 2, 3, 3}});
    const NodeId conv =
        graph.add_node("conv", OpKind::conv2d, ConvParams{}, {x, constant("w", {2, 2, 1, 1})});
    const NodeId bn = graph.add_node("bn", OpKind::batch_norm, BatchNormParams{},
                                     {graph.node(conv).outputs[0], constant("s", {2}), constant("b", {2}),
                                      constant("m", {2}), constant("v", {2})});
    graph.mark_output(graph.node(bn).outputs[0], "y");
    EXPECT_EQ(fold_batch_norm(std::move(graph), {}).nodes().size(), type == DataType::f64 ? 1u : 2u);
  }
}

TEST(Passes, NamesNeverMeet) {
  // The names that folding would give its constants are taken, before and after.
  GraphMaker g;
  const ValueId x = g.input("conv1.weights", {1, 2, 3, 3});
  const ValueId v = g.batch_norm("bn", g.conv3x3("conv1", x, 2));
  const ValueId w = g.constant("conv1.weights_1", {2, 2, 1, 1});
  g.output(g.unary("conv1.bias", UnaryKind::relu, g.conv("conv2", {v, w})));
  const Graph graph = run_passes(g.take(), test::stand_in);
  EXPECT_NE(graph.find_value("conv1.weights_2"), absent);
  EXPECT_NE(graph.find_value("conv1.bias_1"), absent);
}

/// Random networks of the ops that passes look for, with shared weights, several uses and outputs in the
/// middle.
Graph random_network(uint64_t seed) {
  GraphMaker g(seed);
  Random& random = g.random();
  std::vector<ValueId> values = {g.input("x", {1, 4, 4, 4})};
  std::vector<ValueId> weights;
  std::vector<ValueId> biases;
  for (int index = 0; index < 2; ++index) {
    weights.push_back(g.constant(fmt::format("w{}", index), {4, 4, 1, 1}));
    biases.push_back(g.constant(fmt::format("b{}", index), {4, 1, 1}));
  }
  const auto any = [&](const std::vector<ValueId>& from) {
    return from[static_cast<size_t>(random.below(static_cast<int64_t>(from.size())))];
  };
  for (int index = 0; index < 14; ++index) {
    // Mostly the newest value, so that chains arise.
    const ValueId v = random.below(3) > 0 ? values.back() : any(values);
    const std::string name = fmt::format("n{}", index);
    switch (random.below(9)) {
      case 0:
      case 1:
        values.push_back(g.conv(name, {v, any(weights)}));
        break;
      case 2:
        values.push_back(g.conv3x3(name, v, 4));
        break;
      case 3:
        values.push_back(g.batch_norm(name, v));
        break;
      case 4:
        values.push_back(g.add(name, {random.below(2) == 0 ? v : any(biases), any(values)}));
        break;
      case 5:
        values.push_back(g.relu(name, v));
        break;
      case 6:
        values.push_back(g.node(name, OpKind::identity, NoParams{}, {v}));
        break;
      case 7:
        biases.push_back(g.add(name, {any(biases), any(biases)}));
        break;
      default:
        values.push_back(g.add(name, {v, any(biases)}));
    }
    if (random.below(12) == 0) g.output(values.back(), fmt::format("out{}", index));
  }
  g.output(values.back());
  return g.take();
}

TEST(Passes, KeepTheResultsOfRandomNetworks) {
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE(fmt::format("seed {}", seed));
    const Graph before = random_network(seed);
    const Graph after = run_passes(random_network(seed), test::stand_in);
    EXPECT_LE(after.nodes().size(), before.nodes().size());
    ASSERT_LT(test::largest_difference(before, after, seed), 1e-4) << before.to_string() << after.to_string();
    for (const Fusion& fusion : after.fusions()) {
      ASSERT_EQ(LayerDesc::parse(after.layer(fusion).key()).key(), after.layer(fusion).key());
    }
  }
}

}  // namespace
}  // namespace raceline
