// Costs of a graph's layers by each primitive, as a predictor by primitive has them.
#include "raceline/predict/predict_costs.h"

#include <gtest/gtest.h>

#include "tests/predict/support.h"

namespace raceline {
namespace {

Graph one_conv() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DataType::f32, Shape{1, 8, 12, 12}, Layout::nchw});
  const ValueId weights = graph.add_constant("w", Tensor({DataType::f32, Shape{16, 8, 3, 3}, Layout::nchw}));
  ConvParams params;
  params.pads_begin = params.pads_end = {1, 1};
  const NodeId conv = graph.add_node("conv", OpKind::conv2d, params, {x, weights});
  graph.mark_output(graph.node(conv).outputs[0], "y");
  return graph;
}

TEST(PredictCosts, ArePairsThatAModelKnowsWithTheEndsOfItsInterval) {
  const PrimitiveRegistry registry = builtin_primitives();
  const Graph graph = one_conv();
  const CandidateSet candidates(graph, registry, {});
  const LayerCandidates& layer = candidates.at(graph.layer(NodeId{0}).key());
  ASSERT_FALSE(layer.candidates.empty());
  const std::string& name = layer.candidates[0].primitive->name();
  Predictor predictor = some_predictor();
  EXPECT_TRUE(predict_costs(candidates, predictor, 0.9).empty()) << "it knows no primitive";
  predictor.parts[0].primitive = name;
  const CostIntervals intervals = predict_costs(candidates, predictor, 0.9);
  ASSERT_EQ(intervals.size(), 1u);
  const auto& [pair, interval] = *intervals.begin();
  EXPECT_EQ(pair.first, layer.layer.key());
  EXPECT_EQ(pair.second, name);
  const LayerFacts facts = facts_of(layer.layer);
  const auto expected = predictor.predict(std::span(&facts, 1), Phase::exe, 0.9, name)[0];
  EXPECT_DOUBLE_EQ(interval.us, expected->us);
  EXPECT_DOUBLE_EQ(interval.low_us, expected->low_us);
  EXPECT_DOUBLE_EQ(interval.high_us, expected->high_us);
  EXPECT_LT(interval.low_us, interval.us);
  const CostIntervals narrow = predict_costs(candidates, predictor, 0.5);
  EXPECT_GT(narrow.begin()->second.low_us, interval.low_us);
}

}  // namespace
}  // namespace raceline
