#include <gtest/gtest.h>

#include "raceline/base/base64.h"
#include "raceline/base/error.h"
#include "tests/predict/support.h"

namespace raceline {
namespace {

std::vector<double> predicted(const LatencyModel& model, std::span<const LayerFacts> layers) {
  std::vector<double> us(layers.size());
  model.predict(layers, some_hardware(), us);
  return us;
}

TEST(NetModels, GiveWhatTheNetGivesOfTransformedFeatures) {
  for (const bool transformed : {false, true}) {
    const auto model = some_net_model(NetModel::resperfnet_kind, transformed);
    const std::vector<LayerFacts> layers = some_convs(20, 5);
    const std::vector<double> us = predicted(*model, layers);
    Features rows = features_of(FeatureSet::raw, layers, some_hardware());
    model->box_cox.apply(rows);
    model->z_score.apply(rows);
    for (size_t row = 0; row < layers.size(); ++row) {
      double sum = 8;
      for (const double each : rows[row]) sum += 0.25 * each;
      EXPECT_NEAR(us[row], 1000 * sum, 0.01);
    }
  }
}

TEST(NetModels, ManyLayersAtOnceGetWhatEachGetsAlone) {
  const auto model = some_net_model(NetModel::perfnet_kind, false);
  const std::vector<LayerFacts> layers = some_convs(150, 7);
  const std::vector<double> all = predicted(*model, layers);
  for (size_t row = 0; row < layers.size(); ++row) {
    EXPECT_NEAR(predicted(*model, std::span(layers).subspan(row, 1))[0], all[row], 1e-4 * std::abs(all[row]));
  }
  EXPECT_TRUE(predicted(*model, {}).empty());
}

TEST(NetModels, BoxCoxIsOfImageAndKernel) {
  const auto names = [](std::string_view type) {
    std::vector<std::string> list;
    for (const size_t column : box_cox_columns(type))
      list.push_back(feature_names(FeatureSet::raw, type)[column]);
    return list;
  };
  EXPECT_EQ(names("conv"), (std::vector<std::string>{"matrix_h", "matrix_w", "kernel_h", "kernel_w"}));
  EXPECT_EQ(names("max_pool"), (std::vector<std::string>{"matrix_h", "matrix_w"}));
  EXPECT_TRUE(names("dense").empty());
}

TEST(NetModels, WithoutEngineTheyAreReadAndSayWhyTheyDoNotPredict) {
  Predictor predictor = some_predictor();
  predictor.parts[0].model = some_net_model(NetModel::perfnet_kind, false);
  const Predictor again = Predictor::parse(predictor.to_text());
  EXPECT_EQ(again.to_text(), predictor.to_text());
  EXPECT_THROW(again.predict(some_convs(1, 1), Phase::exe), Error);
}

TEST(NetModels, NetsThatDoNotFitAreRefusedByWhatTheyAre) {
  const auto refused = [](const std::string& onnx, const std::string& words) {
    Predictor predictor = some_predictor();
    auto model = some_net_model(NetModel::perfnet_kind, false);
    model->onnx = onnx;
    predictor.parts[0].model = std::move(model);
    try {
      Predictor::parse(predictor.to_text(), some_engine()).predict(some_convs(3, 1), Phase::exe);
      ADD_FAILURE() << "not refused: " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  const size_t width = feature_names(FeatureSet::raw, "conv").size();
  refused("", "the model of 'conv' in phase exe: ");
  refused("no model", "no ONNX model");
  refused(some_net(width + 1, 1, 0), "wanted 1 rows of 12 numbers");
  refused(some_net(width, 1, 0, 3), "wanted a number each");
  OnnxWriter two("two", 13);
  two.input("a", std::vector<std::string>{"batch", "12"});
  two.input("b", std::vector<std::string>{"batch", "12"});
  two.node("Add", {"a", "b"}, {"c"});
  two.output("c", std::vector<std::string>{"batch", "12"});
  refused(two.bytes(), "a net with 2 inputs and 1 outputs");
}

TEST(NetModels, HostilePartsAreRefusedWithThePlaceNamed) {
  Predictor predictor = some_predictor();
  predictor.parts[0].model = some_net_model(NetModel::resperfnet_kind, true);
  const std::string good = predictor.to_text();
  const auto refused = [&](const std::string& from, const std::string& to, const std::string& words) {
    std::string text = good;
    const size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    try {
      Predictor::parse(text.replace(at, from.size(), to));
      ADD_FAILURE() << "not refused: " << to;
    } catch (const ParseError& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  refused("\"box_cox\": [1, 2, 3, 4]", "\"box_cox\": [1, 2, 3, 12]",
          "parts[0].fitted.box_cox: a column beyond");
  refused("\"box_cox\": [1, 2, 3, 4]", "\"box_cox\": [1, 2, 3, -4]", "parts[0].fitted.box_cox");
  refused("\"box_cox\": [1, 2, 3, 4]", "\"box_cox\": [1, 2, 3]",
          "parts[0].fitted.lambda: 4 numbers, wanted 3");
  refused("\"lambda\": [", "\"lambda\": [7, ", "parts[0].fitted.lambda");
  refused("\"onnx\": \"", "\"onnx\": \"?", "parts[0].fitted.onnx: base64");
}

}  // namespace
}  // namespace raceline
