// Training as a whole on toy platforms: what is promised of every model, and of ours above the others.
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "tests/train/toy_platform.h"

namespace raceline::train {
namespace {

std::map<std::string, std::string> quick_settings(const std::string& model) {
  if (model == "xgboost" || model == "boosted") return {{"rounds", "100"}, {"rate", "0.1"}};
  if (model == "forest") return {{"trees", "20"}};
  if (model == "perfnet" || model == "justus") return {{"scalar", "100"}};
  if (model == "resperfnet")
    return {{"epochs", "12"}, {"halve", "5"}, {"l2", "0"}, {"batch", "32"}, {"scalar", "100"}};
  if (model == "resperfnet+") return {{"epochs", "20"}, {"seeds", "1"}, {"batch", "32"}};
  if (model == "blend") return {{"epochs", "10"}, {"seeds", "1"}, {"rounds", "60"}};
  return {};
}

TEST(Training, EveryModelBeatsTheMeanAndReadsBack) {
  const Dataset dataset = toy_dataset(400);
  const double mean = test_mape(trained(dataset, {.model = "mean"}), dataset);
  for (const Trainer& trainer : trainers()) {
    if (trainer.fit == nullptr || trainer.model == "mean" || trainer.model == "transfer") continue;
    SCOPED_TRACE(trainer.model);
    const Predictor predictor = trained(dataset, {.model = std::string(trainer.model),
                                                  .settings = quick_settings(std::string(trainer.model))});
    const double mape = test_mape(predictor, dataset);
    EXPECT_LT(mape, mean / 2);
    EXPECT_EQ(test_mape(Predictor::parse(predictor.to_text(), some_engine()), dataset), mape);
    EXPECT_EQ(predictor.parts[0].conformal.rows() > 10, true);
  }
}

TEST(Training, OursFindsWhatASumOfWorkCannot) {
  for (const Trainer& each : trainers()) {
    if (each.model == "boosted" && each.fit == nullptr) GTEST_SKIP() << each.absent;
  }
  const Dataset dataset = toy_dataset(1000);
  const double linear = test_mape(trained(dataset, {.model = "linear"}), dataset);
  const double boosted =
      test_mape(trained(dataset, {.model = "boosted", .settings = quick_settings("boosted")}), dataset);
  EXPECT_LT(boosted, linear / 2);
  EXPECT_LT(boosted, 5) << "the noise is 1.6 %";
}

TEST(Training, AForestOfOneTreeIsThatTree) {
  for (const Trainer& each : trainers()) {
    if (each.model == "forest" && each.fit == nullptr) GTEST_SKIP() << each.absent;
  }
  // A deep tree that saw all rows says of each what it took; shrunk it would say 0.3 times that.
  Dataset dataset = toy_dataset(50);
  for (DatasetRow& row : dataset.rows) row.set = set_train;
  Predictor predictor = trained(
      dataset,
      {.model = "forest", .settings = {{"trees", "1"}, {"rows", "1"}, {"columns", "1"}, {"depth", "40"}}});
  for (DatasetRow& row : dataset.rows) row.set = set_test;
  EXPECT_LT(test_mape(predictor, dataset), 5);
}

TEST(Training, EndsSoonWhenItIsStopped) {
  const Dataset dataset = toy_dataset(2000);
  const Predictor source = trained(toy_dataset(100), {.model = "linear"});
  for (const Trainer& trainer : trainers()) {
    if (trainer.fit == nullptr || trainer.chooses_checkpoint) continue;
    SCOPED_TRACE(trainer.model);
    TrainOptions options{.model = std::string(trainer.model)};
    if (trainer.model == "transfer") options.from = std::span(&source, 1);
    int asked = 0;
    const Predictor predictor = train(
        dataset, options, [](const std::string&, const FitProgress&) {}, [&] { return ++asked > 2; });
    EXPECT_GT(asked, 2);
    for (const PredictorPart& part : predictor.parts) EXPECT_NE(part.model, nullptr);
  }
}

TEST(Training, TransferFitsItsCorrectionToSomeOfManyRows) {
  const Predictor source = trained(toy_dataset(300), {.model = "linear"});
  const Dataset dataset = toy_dataset(2500, 3, 2);
  const double mape =
      test_mape(trained(dataset, {.model = "transfer", .from = std::span(&source, 1)}), dataset);
  EXPECT_LT(mape, 25);
}

TEST(Training, TheSameRowsAndSeedGiveTheSameBytes) {
  const Dataset dataset = toy_dataset(200);
  EXPECT_EQ(trained(dataset, {.model = "linear", .rows = 100, .seed = 3}).to_text(),
            trained(dataset, {.model = "linear", .rows = 100, .seed = 3}).to_text());
  EXPECT_NE(trained(dataset, {.model = "linear", .rows = 100, .seed = 3}).to_text(),
            trained(dataset, {.model = "linear", .rows = 100, .seed = 4}).to_text());
}

TEST(Training, TestRowsTakeNoPart) {
  Dataset dataset = toy_dataset(300);
  const std::string before = trained(dataset, {.model = "linear"}).to_text();
  for (DatasetRow& row : dataset.rows) {
    if (row.set == set_test) row.p10.fill({1, 1, 1});
  }
  EXPECT_EQ(trained(dataset, {.model = "linear"}).to_text(), before);
}

TEST(Training, OneModelForEachPhaseThatWasAskedFor) {
  const Dataset dataset = toy_dataset(100);
  const Predictor predictor =
      trained(dataset, {.model = "linear", .phases = {Phase::pre, Phase::exe, Phase::post}, .jobs = 2});
  ASSERT_EQ(predictor.parts.size(), 3u);
  for (const Phase phase : all_phases) EXPECT_NE(predictor.find("conv", phase), nullptr);
}

TEST(Training, WhatCannotBeIsRefusedByName) {
  const Dataset dataset = toy_dataset(50);
  const auto refused = [&](const Dataset& data, const TrainOptions& options, const std::string& words) {
    try {
      trained(data, options);
      ADD_FAILURE() << "not refused: " << words;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  };
  refused(dataset, {.model = "linea"}, "the nearest are linear");
  refused({}, {.model = "mean"}, "the dataset has no rows");
  refused(dataset, {.model = "mean", .platform = "other"}, "--platform other: the dataset has toy");
  refused(dataset, {.model = "mean", .types = {"conv", "dense"}},
          "--types dense: no rows to train on; there are rows of conv");
  refused({.notes = {}, .rows = {dataset.rows[0]}}, {.model = "mean"}, "no layer type has");
  refused(dataset, {.model = "linear", .settings = {{"rounds", "3"}}},
          "--set rounds: this model has no such setting");
  refused(dataset, {.model = "polynomial", .settings = {{"degree", "x"}}}, "--set degree");
  refused(dataset, {.model = "polynomial", .settings = {{"degree", "9"}}}, "--set degree=9: wanted 1 to 4");
  refused(dataset, {.model = "polynomial", .settings = {{"ridge", "nan"}}}, "--set ridge=nan: wanted 0 to");
  for (const Trainer& trainer : trainers()) {
    if (trainer.fit == nullptr) continue;
    if (trainer.model == "forest")
      refused(dataset, {.model = "forest", .settings = {{"trees", "0"}}}, "--set trees=0");
    if (trainer.model == "svr") refused(dataset, {.model = "svr", .settings = {{"c", "-1"}}}, "--set c=-1");
    if (trainer.model != "boosted") continue;
    refused(dataset, {.model = "boosted", .settings = {{"bags", "-1"}}}, "--set bags=-1: wanted 1 to 100");
    refused(dataset, {.model = "boosted", .settings = {{"rounds", "0"}}}, "--set rounds=0");
    refused(dataset, {.model = "boosted", .settings = {{"rate", "inf"}}}, "--set rate=inf");
    refused(dataset, {.model = "boosted", .settings = {{"loss", "logistic"}}},
            "--set loss=logistic: wanted one of");
  }
  Dataset two = dataset;
  two.rows[0].platform = "another";
  refused(two, {.model = "mean"}, "choose with --platform: another, toy");
  // What another platform's rows hold need not be chosen of.
  two.rows[0].accelerator = "gpu";
  EXPECT_EQ(trained(two, {.model = "mean", .platform = "toy"}).accelerator, "cpu");
}

}  // namespace
}  // namespace raceline::train
