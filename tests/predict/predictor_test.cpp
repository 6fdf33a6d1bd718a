#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/predict/models/blend_model.h"
#include "raceline/predict/models/boosted_model.h"
#include "raceline/predict/models/mean_model.h"
#include "raceline/predict/models/polynomial_model.h"
#include "raceline/predict/models/prior_net_model.h"
#include "raceline/predict/models/roofline_model.h"
#include "raceline/predict/models/svr_model.h"
#include "raceline/predict/models/transfer_model.h"
#include "raceline/predict/models/tree_model.h"
#include "tests/predict/support.h"

namespace raceline {
namespace {

/// One tree that asks for the first column.
Trees stump(double threshold, float left, float right) {
  Trees trees;
  trees.begin_tree();
  trees.add_node({.feature = 0, .threshold = static_cast<float>(threshold), .right = 2});
  trees.add_node({.feature = -1, .threshold = left});
  trees.add_node({.feature = -1, .threshold = right});
  return trees;
}

/// A model of each kind, fitted or filled by hand.
std::vector<std::unique_ptr<LatencyModel>> all_models() {
  const std::vector<LayerFacts> layers = some_convs(120, 3);
  std::vector<double> us;
  for (const LayerFacts& layer : layers) us.push_back(rule_us(layer));
  std::vector<std::unique_ptr<LatencyModel>> models;
  models.push_back(MeanModel::fit(us));
  models.push_back(RooflineModel::fit(layers, us, some_hardware()));
  models.push_back(std::make_unique<LinearPrior>(LinearPrior::fit(layers, us, some_hardware())));
  models.push_back(PolynomialModel::fit(layers, us, some_hardware(), 2, 1e-6));
  auto svr = std::make_unique<SvrModel>();
  svr->z_score = ZScore::fit(features_of(FeatureSet::raw, layers, some_hardware()));
  svr->coefficients = {2, -1};
  svr->vectors.assign(2 * svr->columns("conv").size(), 0.5F);
  svr->offset = 3;
  models.push_back(std::move(svr));
  for (const auto& [kind, set] :
       {std::pair{TreeModel::xgboost_kind, FeatureSet::raw}, {TreeModel::forest_kind, FeatureSet::counted}}) {
    auto trees = std::make_unique<TreeModel>(kind, set);
    trees->trees = stump(4, 1, 2);
    trees->base = 0.5;
    trees->unit_us = 1000;
    models.push_back(std::move(trees));
  }
  for (const std::string_view kind :
       {NetModel::justus_kind, NetModel::perfnet_kind, NetModel::resperfnet_kind}) {
    models.push_back(some_net_model(kind, kind == NetModel::resperfnet_kind));
  }
  auto boosted = std::make_unique<BoostedModel>();
  boosted->prior = LinearPrior::fit(layers, us, some_hardware());
  boosted->bags = {stump(18, -0.1F, 0.1F), stump(19, -0.2F, 0.2F)};
  boosted->centre = 0.01;
  models.push_back(std::move(boosted));
  auto nets = std::make_unique<PriorNetModel>();
  nets->prior = LinearPrior::fit(layers, us, some_hardware());
  const std::vector<double> prior_us = nets->prior_us(layers, some_hardware());
  Features columns;
  for (size_t row = 0; row < layers.size(); ++row)
    columns.push_back(BoostedModel::row_of(layers[row], some_hardware(), prior_us[row]));
  nets->z_score = ZScore::fit(columns);
  nets->onnx = {some_net(columns[0].size(), 0.01F, 0.1F), some_net(columns[0].size(), -0.02F, 0)};
  nets->prepare(some_engine());
  auto blend = std::make_unique<BlendModel>();
  blend->trees = copy_of(*models.back(), "conv");
  blend->nets = copy_of(*nets, "conv");
  blend->share = 0.25;
  blend->prepare(some_engine());
  models.push_back(std::move(nets));
  models.push_back(std::move(blend));
  auto transfer = std::make_unique<TransferModel>();
  for (const double factor : {2.0, 5.0}) {
    Hardware hardware = some_hardware();
    hardware.gflops *= factor;
    transfer->sources.push_back(
        {.name = "other",
         .hardware = hardware,
         .model = std::make_unique<LinearPrior>(LinearPrior::fit(layers, us, hardware))});
  }
  transfer->fit(std::span(layers).first(30), std::span(us).first(30), 1);
  models.push_back(std::move(transfer));
  return models;
}

TEST(Predictors, EveryModelPredictsTheSameWhenItIsReadBack) {
  const std::vector<LayerFacts> layers = some_convs(30, 9);
  std::vector<std::string> seen;
  for (std::unique_ptr<LatencyModel>& model : all_models()) {
    SCOPED_TRACE(model->name());
    seen.emplace_back(model->name());
    Predictor predictor = some_predictor();
    predictor.parts[0].model = std::move(model);
    const std::string text = predictor.to_text();
    const Predictor again = Predictor::parse(text, some_engine());
    EXPECT_EQ(again.to_text(), text);
    const auto before = predictor.predict(layers, Phase::exe), after = again.predict(layers, Phase::exe);
    for (size_t row = 0; row < layers.size(); ++row) {
      ASSERT_TRUE(before[row] && after[row]);
      EXPECT_EQ(before[row]->us, after[row]->us);
      EXPECT_EQ(before[row]->high_us, after[row]->high_us);
    }
  }
  for (const ModelKind& kind : model_kinds()) {
    EXPECT_NE(std::find(seen.begin(), seen.end(), kind.name), seen.end()) << kind.name << " is not tested";
  }
}

TEST(Predictors, SayNothingOfTypesAndPhasesTheyDoNotKnow) {
  const Predictor predictor = some_predictor();
  const std::vector<LayerFacts> layers{facts_of(LayerDesc::parse("gemm 1x512 10x512* trans_b=1")),
                                       facts_of(conv_of(1, 8, 16, 8, 3))};
  const auto predictions = predictor.predict(layers, Phase::exe);
  EXPECT_FALSE(predictions[0]);
  EXPECT_TRUE(predictions[1]);
  EXPECT_FALSE(predictor.predict(layers, Phase::pre)[1]);
  EXPECT_FALSE(predictor.predict(layers, Phase::exe, 0.9, "a.primitive")[1]);
}

TEST(Predictors, FlagLayersBeyondTheTrainingRowsAndWidenTheirIntervals) {
  const Predictor predictor = some_predictor();
  const std::vector<LayerFacts> layers{facts_of(conv_of(2, 64, 32, 64, 3)),
                                       facts_of(conv_of(2, 64, 500, 64, 3))};
  const auto predictions = predictor.predict(layers, Phase::exe);
  EXPECT_EQ(predictions[0]->beyond, "");
  EXPECT_EQ(predictions[1]->beyond, "image");
  const double near = predictions[0]->high_us / predictions[0]->us,
               far = predictions[1]->high_us / predictions[1]->us;
  EXPECT_NEAR(far, near * near, 1e-9);
}

TEST(Predictors, FlagLayersThatDifferInWhatNoExtentShows) {
  const Predictor predictor = some_predictor();
  const auto beyond = [&](const std::string& layer) {
    return predictor.predict(std::vector{facts_of(LayerDesc::parse(layer))}, Phase::exe)[0]->beyond;
  };
  EXPECT_EQ(beyond("conv2d 2x64x32x32 64x64x3x3* pads_begin=1x1 pads_end=1x1"), "");
  EXPECT_EQ(beyond("conv2d 2x64x32x32 64x64x3x3* dilation=2x2 pads_begin=2x2 pads_end=2x2"), "dilation");
  EXPECT_EQ(beyond("conv2d 2x64x32x32 64x64x9x1* pads_begin=4x0 pads_end=4x0"), "kernel height");
}

TEST(Predictors, OfTheFirstRangesAloneAreReadAndKnowNoOthers) {
  std::string text = some_predictor().to_text();
  for (const char* key : {"\"low\": [", "\"high\": ["}) {
    size_t end = text.find(']', text.find(key));
    for (size_t column = oldest_ranges; column < range_names().size(); ++column) {
      const size_t comma = text.rfind(',', end);
      text.erase(comma, end - comma);
      end = comma;
    }
  }
  const Predictor old = Predictor::parse(text);
  EXPECT_EQ(old.parts[0].range.low.size(), oldest_ranges);
  const std::vector dilated{
      facts_of(LayerDesc::parse("conv2d 2x64x32x32 64x64x3x3* dilation=2x2 pads_begin=2x2 pads_end=2x2"))};
  EXPECT_EQ(old.predict(dilated, Phase::exe)[0]->beyond, "");
}

TEST(Predictors, GiveAPositiveTimeWhateverTheModelSays) {
  Predictor predictor = some_predictor();
  auto trees = std::make_unique<TreeModel>(TreeModel::xgboost_kind, FeatureSet::raw);
  trees->trees = stump(1, -5, -5);
  predictor.parts[0].model = std::move(trees);
  EXPECT_EQ(predictor.predict(some_convs(1, 1), Phase::exe)[0]->us, least_us);
  auto endless = std::make_unique<TreeModel>(TreeModel::xgboost_kind, FeatureSet::raw);
  endless->trees = stump(1, 1e30F, 1e30F);
  endless->logarithm = true;
  predictor.parts[0].model = std::move(endless);
  EXPECT_TRUE(std::isfinite(predictor.predict(some_convs(1, 1), Phase::exe)[0]->us));
}

void refused(const std::string& text, const std::string& words) {
  try {
    Predictor::parse(text);
    ADD_FAILURE() << "not refused: " << words;
  } catch (const ParseError& error) {
    EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
  }
}

std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Predictors, HostileFilesAreRefusedWithThePlaceNamed) {
  Predictor predictor = some_predictor();
  const std::string linear = predictor.to_text();
  refused("", "not JSON");
  refused("[]", "wanted an object, given a list");
  refused(with(linear, "raceline-predictor/3", "raceline-predictor/1"), "predictor at format: wanted");
  refused(linear.substr(0, linear.size() / 2), "not JSON");
  refused(with(linear, "\"threads\": 1,", ""), "the key 'threads' is missing");
  refused(with(linear, "\"threads\": 1,", "\"threads\": 1, \"threads\": 2,"), "given twice");
  refused(with(linear, "\"threads\": 1", "\"thread\": 2, \"threads\": 1"), "unknown key 'thread'");
  refused(with(linear, "\"threads\": 1", "\"threads\": 1.5"), "threads: wanted a whole number");
  refused(with(linear, "\"phase\": \"exe\"", "\"phase\": \"run\""), "parts[0].phase: 'run' is no phase");
  refused(with(linear, "\"gflops\": 100", "\"gflops\": -1"), "hardware.gflops");
  refused(with(linear, "\"gflops\": 100", "\"gflops\": NaN"), "line");
  refused(with(linear, "\"gflops\": 100", "\"gflops\": 1e999"), "not JSON");
  refused(with(linear, "\"fitted\": {\n   \"model\": \"linear\"", "\"fitted\": {\n   \"model\": \"lineal\""),
          "parts[0].fitted.model: 'lineal' is no model");
  refused(with(linear, "\"flops 3x3\"", "\"flops 5x5\""), "parts[0].fitted.columns");
  refused(with(linear, "\"price_us\": [", "\"price_us\": [-1, "), "price_us");
  refused(with(linear, "\"scores\": [", "\"scores\": [9, "), "parts[0].interval.scores");
  refused(with(linear, "\"low\": [", "\"low\": [null, "), "parts[0].range.low[0]");
  std::string deep;
  for (int level = 0; level < 100000; ++level) deep += "[";
  refused(with(linear, "\"notes\": [", "\"notes\": [" + deep), "nested too deep");
  auto trees = std::make_unique<TreeModel>(TreeModel::xgboost_kind, FeatureSet::raw);
  trees->trees = stump(4, 1, 2);
  predictor.parts[0].model = std::move(trees);
  const std::string tree = predictor.to_text();
  refused(with(tree, "\"feature\": [0, -1, -1]", "\"feature\": [12, -1, -1]"), "trees.feature[0]: 12 of 12");
  refused(with(tree, "\"right\": [2, 0, 0]", "\"right\": [0, 0, 0]"), "trees.right[0]");
  refused(with(tree, "\"right\": [2, 0, 0]", "\"right\": [3, 0, 0]"), "trees.right[0]");
  refused(with(tree, "\"right\": [2, 0, 0]", "\"right\": [2, 0]"), "right children");
  refused(with(tree, "\"root\": [0]", "\"root\": [1]"), "trees.root[0]");
  refused(with(tree, "\"root\": [0]", "\"root\": []"), "nodes of no tree");
  refused(with(tree, "\"root\": [0]", "\"root\": [0, 3]"), "trees.root[1]");
}

TEST(Predictors, KeepWhatTheyKnowOfWholeNetworks) {
  Predictor predictor = some_predictor();
  NetworkRule& rule = predictor.networks.emplace();
  const std::vector<NetworkTerms> terms{
      {.layers = 3, .ends_us = 4, .exe_us = {{"conv", 50}}},
      {.layers = 9, .ends_us = 1, .exe_us = {{"conv", 500}, {"dense", 20}}}};
  rule.composition = Composition::fit(terms, std::vector<double>{70, 450}, 0);
  rule.networks = {"a batch 1", "b batch 1"};
  const std::string text = predictor.to_text();
  const Predictor again = Predictor::parse(text);
  ASSERT_TRUE(again.networks);
  EXPECT_EQ(again.networks->composition.us(terms[1]), rule.composition.us(terms[1]));
  EXPECT_EQ(again.to_text(), text);
  refused(with(text, "\"call_us\": ", "\"call_us\": -1, \"was\": "),
          "networks[0].composition.call_us: -1 is below");
  refused(with(text, "\"type\": \"dense\"", "\"type\": \"conv\""), "a second factor of 'conv'");
  const std::string share = R"({"first": "conv", "second": "add", "share": 0.5, "pairs": 6})";
  EXPECT_EQ(Predictor::parse(with(text, "\"shares\": []", "\"shares\": [" + share + "]"))
                .networks->shares.share("conv", "add"),
            0.5);
  refused(with(text, "\"shares\": []", "\"shares\": [" + share + ", " + share + "]"),
          "a second share of 'add'");
  refused(with(text, "\"shares\": []", "\"shares\": [" + with(share, "0.5", "-2") + "]"), "-2 is below 0");
}

TEST(Predictors, KnowWhichLayersTheyWereTrainedOn) {
  const std::string conv = "conv2d 1x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1";
  Predictor predictor = some_predictor();
  EXPECT_TRUE(predictor.trained.empty());
  for (const std::string& layer :
       {conv + " +relu", std::string("gemm 1x512 1000x512* 1000* trans_b=1"), conv})
    predictor.trained.add(layer);
  const std::string text = predictor.to_text();
  const Predictor again = Predictor::parse(text);
  EXPECT_EQ(again.to_text(), text);
  EXPECT_TRUE(again.trained.contains(conv)) << "with or without activation";
  EXPECT_FALSE(again.trained.contains("conv2d 2x64x56x56 64x64x3x3* 64* pads_begin=1x1 pads_end=1x1"));
  const std::string key = "\"trained\": \"";
  const std::string hashes = text.substr(text.find(key) + key.size(), 16);
  refused(with(text, hashes, hashes.substr(0, 15)), "trained: 15 digits");
  refused(with(text, hashes, hashes.substr(8) + hashes.substr(0, 8)), "does not ascend");
  refused(with(text, hashes, "x" + hashes.substr(1)), "is no hash");
  Predictor other = some_predictor();
  other.trained.add("gemm 1x4 4x4*");
  other.trained.add(again.trained);
  EXPECT_TRUE(other.trained.contains(conv));
}

TEST(Predictors, WhateverBytesChangeAFileIsReadOrRefusedAndThenPredicts) {
  const std::vector<LayerFacts> layers = some_convs(5, 4);
  Random random(20261129);
  size_t read = 0;
  for (std::unique_ptr<LatencyModel>& model : all_models()) {
    Predictor predictor = some_predictor();
    predictor.parts[0].model = std::move(model);
    const std::string good = predictor.to_text();
    const std::string digits = "0123456789-,[]{}\"e. ";
    for (int edit = 0; edit < 600; ++edit) {
      std::string changed = good;
      const auto at = static_cast<size_t>(random.below(static_cast<int64_t>(changed.size())));
      changed[at] = edit % 2 == 0
                        ? static_cast<char>(random.below(256))
                        : digits[static_cast<size_t>(random.below(static_cast<int64_t>(digits.size())))];
      try {
        const Predictor again = Predictor::parse(changed, some_engine());
        ++read;
        for (const auto& prediction : again.predict(layers, Phase::exe)) {
          EXPECT_TRUE(!prediction || (prediction->us > 0 && std::isfinite(prediction->us)));
        }
      } catch (const Error&) {
      }
    }
  }
  EXPECT_GT(read, 100u) << "most edits of a digit leave a readable file";
}

}  // namespace
}  // namespace raceline
