#include "raceline/predict/network.h"

#include <algorithm>
#include <limits>
#include <utility>

#include <gtest/gtest.h>

#include "raceline/dataset/layer_pair.h"
#include "raceline/dataset/splits.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/predict/models/mean_model.h"
#include "tests/predict/support.h"

namespace raceline {
namespace {

/// conv -> relu -> conv -> softmax, with the second convolution's result used twice.
Graph small_graph() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DataType::f32, Shape{1, 8, 16, 16}});
  const auto conv = [&](const char* name, ValueId from) {
    const ValueId weights =
        graph.add_constant(std::string(name) + ".w", Tensor({DataType::f32, Shape{8, 8, 3, 3}}));
    const NodeId node = graph.add_node(name, OpKind::conv2d,
                                       ConvParams{.pads_begin = {1, 1}, .pads_end = {1, 1}}, {from, weights});
    return graph.node(node).outputs[0];
  };
  const ValueId first = conv("conv1", x);
  const ValueId relu = graph.node(graph.add_node("relu1", OpKind::unary, UnaryParams{}, {first})).outputs[0];
  const ValueId second = conv("conv2", relu);
  const ValueId again =
      graph.node(graph.add_node("relu2", OpKind::unary, UnaryParams{}, {second})).outputs[0];
  const ValueId sum =
      graph.node(graph.add_node("add", OpKind::binary, BinaryParams{}, {second, again})).outputs[0];
  graph.mark_output(sum, "y");
  return graph;
}

void add_mean(Predictor& predictor, const char* type, Phase phase, double us) {
  PredictorPart part;
  part.type = type;
  part.phase = phase;
  part.model = std::make_unique<MeanModel>(us);
  for (const LayerFacts& layer : some_convs(50, 1)) part.range.extend(layer);
  predictor.parts.push_back(std::move(part));
}

TEST(Networks, TakeAnActivationWithTheLayerBeforeItWhereNothingElseUsesThat) {
  const std::vector<NetworkLayer> layers = network_layers(small_graph());
  ASSERT_EQ(layers.size(), 4u);
  EXPECT_EQ(layers[0].name, "conv1 + relu1");
  EXPECT_EQ(layers[0].facts.activation, 1);
  EXPECT_EQ(layers[1].name, "conv2");
  EXPECT_EQ(layers[2].name, "relu2");
  EXPECT_EQ(layers[3].facts.type, "add");
}

TEST(Networks, SayWhichLayerIsBeforeAnotherWhereNothingElseUsesItsResult) {
  const std::vector<NetworkLayer> layers = network_layers(small_graph());
  EXPECT_EQ(layers[0].after, "") << "the network's input";
  EXPECT_EQ(layers[1].after, "conv") << "with its activation";
  EXPECT_EQ(layers[2].after, "") << "the sum uses it too";
  EXPECT_EQ(layers[3].after, "activation");
}

TEST(Networks, TakeWhatACalibratedPredictorMakesOfTheirSum) {
  Predictor predictor = some_predictor();
  predictor.parts.clear();
  add_mean(predictor, "conv", Phase::exe, 100);
  add_mean(predictor, "add", Phase::exe, 10);
  const std::vector<NetworkLayer> layers = network_layers(small_graph());
  EXPECT_EQ(predict_network(layers, predictor).us(), 210);
  predictor.networks.emplace();
  std::vector<NetworkTerms> terms;
  std::vector<double> measured;
  for (const double size : {1.0, 2.0, 3.0, 4.0}) {
    terms.push_back(
        {.layers = 4, .ends_us = 0, .exe_us = {{"conv", 100 * size}, {"other", 10 * size * size}}});
    measured.push_back(5 + 80 * size + 20 * size * size);
  }
  predictor.networks->composition = Composition::fit(terms, measured, 0);
  predictor.networks->conformal = Conformal::fit(std::vector<double>(20, 1.0), std::vector<double>(20, 1.25));
  const NetworkPrediction prediction = predict_network(layers, predictor);
  ASSERT_TRUE(prediction.calibrated);
  EXPECT_NEAR(prediction.us(), 5 + 160 + 20, 1);
  EXPECT_NEAR(prediction.calibrated->high_us / prediction.us(), 1.25, 1e-3);
  EXPECT_EQ(prediction.total_us, 210);
}

/// depthwise convolution -> batch-norm -> relu.
Graph normed_graph() {
  Graph graph;
  const ValueId x = graph.add_input("x", {DataType::f32, Shape{1, 8, 16, 16}});
  const auto constant = [&](const char* name, Shape shape) {
    Tensor ones({DataType::f32, shape});
    std::fill_n(ones.data<float>(), shape.elements(), 1.0f);
    return graph.add_constant(name, std::move(ones));
  };
  const auto result = [&](NodeId node) { return graph.node(node).outputs[0]; };
  const ConvParams params{.pads_begin = {1, 1}, .pads_end = {1, 1}, .group = 8};
  const ValueId conv =
      result(graph.add_node("conv", OpKind::conv2d, params, {x, constant("w", {8, 1, 3, 3})}));
  const ValueId norm = result(graph.add_node("norm", OpKind::batch_norm, BatchNormParams{},
                                             {conv, constant("scale", {8}), constant("shift", {8}),
                                              constant("mean", {8}), constant("variance", {8})}));
  graph.mark_output(result(graph.add_node("relu", OpKind::unary, UnaryParams{}, {norm})), "y");
  return graph;
}

Graph folded_graph() {
  return fold_batch_norm(normed_graph(), {});
}

TEST(Networks, KnowWhichLayersABatchNormWasFoldedInto) {
  const BatchNorms written = batch_norms(normed_graph());
  EXPECT_EQ(written, (BatchNorms{{"norm", "conv"}}));
  const std::vector<NetworkLayer> layers = network_layers(folded_graph(), written);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_TRUE(layers[0].folds_batch_norm);
  for (const NetworkLayer& layer : network_layers(normed_graph(), written))
    EXPECT_FALSE(layer.folds_batch_norm) << "it stands there itself";
  EXPECT_FALSE(network_layers(folded_graph())[0].folds_batch_norm) << "none was written";
}

/// Shares of pairs of a kind whose second layer takes half of its time.
PairShares halves(const PairKind& kind) {
  Dataset rows;
  const auto add = [&](const std::string& name, double us) {
    DatasetRow row;
    row.layer = name;
    row.p10.fill({.pre_us = 1, .exe_us = us, .post_us = 1});
    rows.rows.push_back(std::move(row));
  };
  SampleReport report;
  const SampleOptions options{.most_tensor_bytes = 4e6, .most_expected_us = 1000, .machine = {}};
  for (const LayerPair& pair : sample_pairs(kind, 2 * PairShares::least, {}, options, report)) {
    add(pair.first.key(), 100);
    add(pair.second.key(), 20);
    add(pair.name(), 110);
  }
  return PairShares::fit(rows, PhaseModel::resperfnet);
}

TEST(Networks, CountAFoldedBatchNormWherePairsShowThatThePlatformDoesNotFoldIt) {
  Predictor predictor = some_predictor();
  predictor.parts.clear();
  add_mean(predictor, "depthwise", Phase::exe, 100);
  add_mean(predictor, "batch_norm", Phase::exe, 20);
  const std::vector<NetworkLayer> layers = network_layers(folded_graph(), batch_norms(normed_graph()));
  const NetworkPrediction prediction = predict_network(layers, predictor);
  EXPECT_EQ(prediction.total_us, 100) << "the papers' sum is of the layers";
  const NetworkTerms unknown = network_terms(layers, prediction, {});
  const NetworkTerms known = network_terms(layers, prediction, halves({"depthwise", "batch_norm"}));
  double more = 0;
  for (const auto& [kind, us] : known.exe_us) more += us;
  for (const auto& [kind, us] : unknown.exe_us) more -= us;
  EXPECT_DOUBLE_EQ(more, 10);
  EXPECT_NEAR(known.tensors_mb - unknown.tensors_mb, 0.5 * 2 * 8 * 16 * 16 * 4 * 1e-6, 1e-9);
}

TEST(Networks, AreThePreprocessOfTheFirstTheSumOfAllAndThePostprocessOfTheLast) {
  Predictor predictor = some_predictor();
  predictor.parts.clear();
  add_mean(predictor, "conv", Phase::exe, 100);
  add_mean(predictor, "add", Phase::exe, 10);
  add_mean(predictor, "conv", Phase::pre, 7);
  add_mean(predictor, "add", Phase::post, 3);
  const std::vector<NetworkLayer> layers = network_layers(small_graph());
  const NetworkPrediction prediction = predict_network(layers, predictor);
  EXPECT_DOUBLE_EQ(prediction.exe_us, 210);
  EXPECT_DOUBLE_EQ(prediction.total_us, 220);
  EXPECT_DOUBLE_EQ(prediction.pre->us, 7);
  EXPECT_DOUBLE_EQ(prediction.post->us, 3);
  // relu2 has no model: it is counted and named, with its share of the work.
  EXPECT_EQ(prediction.unknown_layers, 1u);
  EXPECT_FALSE(prediction.layers[2].exe);
  EXPECT_DOUBLE_EQ(prediction.unknown_flops, layers[2].facts.flops);
  EXPECT_GT(prediction.flops, prediction.unknown_flops);
}

TEST(Networks, OfMeasuredLayersAreTheirSumWithLayersOfOneShapeTakenAsEqual) {
  const std::vector<NetworkLayer> layers = network_layers(small_graph());
  std::map<std::string, Phases> measured{{layers[0].layer.key(), {5, 100, 50}}};
  OracleSum sum = oracle_sum(layers, measured);
  EXPECT_EQ(sum.layers, 4u);
  EXPECT_EQ(sum.measured, 1u);
  EXPECT_DOUBLE_EQ(sum.us, 105);  // conv1 with its ReLU, and what comes before the first layer
  EXPECT_FALSE(sum.last);
  EXPECT_LT(sum.measured_flops, sum.flops);
  // Now without ReLU, which both convolutions are like; and the last layer.
  measured = {{layers[1].layer.key(), {5, 90, 50}}, {layers[3].layer.key(), {1, 10, 3}}};
  sum = oracle_sum(layers, measured);
  EXPECT_EQ(sum.measured, 3u);
  EXPECT_DOUBLE_EQ(sum.us, 5 + 90 + 90 + 10 + 3);
  EXPECT_EQ(oracle_sum({}, measured).layers, 0u);
}

TEST(Networks, OfMeasuredLayersKnowAConvolutionWhoseBiasCameFromABatchNorm) {
  NetworkLayer folded = network_layers(small_graph())[0];
  const std::string plain = bare_key(folded.layer.key());
  folded.layer = LayerDesc::parse("conv2d 1x8x16x16 8x8x3x3* 8* pads_begin=1x1 pads_end=1x1 +relu");
  EXPECT_EQ(oracle_sum({folded}, {{plain, {0, 100, 0}}}).us, 100);
  EXPECT_EQ(oracle_sum({folded}, {{plain, {0, 100, 0}}, {bare_key(folded.layer.key()), {0, 110, 0}}}).us,
            110);
}

TEST(Networks, AnEpochIsAsManyBatchesAsHoldItsSamples) {
  EXPECT_DOUBLE_EQ(epoch_us(100, 1000, 32), 3200);
  EXPECT_DOUBLE_EQ(epoch_us(100, 1024, 32), 3200);
  EXPECT_DOUBLE_EQ(epoch_us(100, 1, 32), 100);
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  EXPECT_EQ(batches_of(most, most), 1);
  EXPECT_EQ(batches_of(most, 1), most);
}

TEST(Networks, OfPlatformsWithSeveralPrimitivesTakeWhatTheFastestKnownOneDoes) {
  Predictor predictor = some_predictor();
  predictor.parts.clear();
  for (const auto& [primitive, us] : {std::pair{"slow", 100.0}, {"fast", 40.0}, {"unlike", 1.0}}) {
    add_mean(predictor, "conv", Phase::exe, us);
    predictor.parts.back().primitive = primitive;
    for (const NetworkLayer& layer : network_layers(small_graph()))
      predictor.parts.back().range.extend(layer.facts);
  }
  // The third was only ever measured on layers unlike these.
  predictor.parts.back().range = {};
  predictor.parts.back().range.extend(facts_of(conv_of(64, 64, 2000, 64, 3)));
  const NetworkPrediction prediction = predict_network(network_layers(small_graph()), predictor);
  EXPECT_DOUBLE_EQ(prediction.exe_us, 80);
  EXPECT_EQ(prediction.layers[0].primitive, "fast");
  EXPECT_EQ(prediction.unknown_layers, 2u);
}

TEST(Networks, CountLayersBeyondTrainingOnce) {
  Predictor predictor = some_predictor();
  predictor.parts.clear();
  for (const Phase phase : all_phases) {
    for (const char* type : {"conv", "activation", "add"}) {
      add_mean(predictor, type, phase, 1);
      predictor.parts.back().range = {};
      predictor.parts.back().range.extend(facts_of(conv_of(64, 64, 2000, 64, 3)));
    }
  }
  const NetworkPrediction prediction = predict_network(network_layers(small_graph()), predictor);
  EXPECT_EQ(prediction.layers.size(), 4u);
  EXPECT_EQ(prediction.beyond_layers, 4u);
}

TEST(Networks, ManyAtOnceTakeWhatEachTakesAlone) {
  Predictor predictor = some_predictor();
  add_mean(predictor, "add", Phase::exe, 10);
  add_mean(predictor, "conv", Phase::pre, 7);
  add_mean(predictor, "add", Phase::post, 3);
  const std::vector<NetworkLayer> whole = network_layers(small_graph());
  const std::vector<NetworkLayer> part(whole.begin() + 1, whole.end() - 1);  // ends in what has no phase post
  const std::vector<std::vector<NetworkLayer>> networks{whole, {}, part, whole};
  const std::vector<NetworkPrediction> together = predict_networks(networks, predictor, 0.8);
  ASSERT_EQ(together.size(), networks.size());
  for (size_t index = 0; index < networks.size(); ++index) {
    const NetworkPrediction alone = predict_network(networks[index], predictor, 0.8);
    EXPECT_EQ(together[index].layers.size(), networks[index].size());
    EXPECT_DOUBLE_EQ(together[index].total_us, alone.total_us) << index;
    EXPECT_DOUBLE_EQ(together[index].low_us, alone.low_us) << index;
    EXPECT_DOUBLE_EQ(together[index].high_us, alone.high_us) << index;
    EXPECT_EQ(together[index].post.has_value(), alone.post.has_value()) << index;
    EXPECT_EQ(together[index].unknown_layers, alone.unknown_layers) << index;
  }
  EXPECT_EQ(together[1].total_us, 0);
  EXPECT_FALSE(together[2].post);
  EXPECT_TRUE(predict_networks({}, predictor).empty());
}

}  // namespace
}  // namespace raceline
