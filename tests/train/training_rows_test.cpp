// Which rows are trained on, which judge, and what is said of the others.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/dataset/layer_type.h"
#include "tests/train/toy_platform.h"

namespace raceline::train {
namespace {

DatasetRow toy_row(const LayerDesc& layer, double us) {
  DatasetRow row;
  row.layer = layer.key();
  row.type = layer_type(layer);
  row.platform = "toy";
  row.accelerator = "cpu";
  row.mode = "optimised";
  row.p10.fill({us / 10, us, us / 20});
  row.median = row.p10;
  return row;
}

/// Each layer four times, with another epilogue: they take much the same, and no rule tells how long.
Dataset layers_in_groups(size_t layers) {
  Random random(5);
  Dataset dataset;
  for (size_t layer = 0; layer < layers; ++layer) {
    const LayerDesc bare =
        conv_of(1 + random.below(8), 1 + random.below(200), 4 + random.below(60), 1 + random.below(200), 3);
    const double us = 100 * std::exp(random.normal());
    for (const char* epilogue : {"", " +relu", " +tanh", " +sigmoid"}) {
      DatasetRow row =
          toy_row(LayerDesc::parse(bare.key() + epilogue), us * std::exp(0.01 * random.normal()));
      row.set = set_train;
      dataset.rows.push_back(std::move(row));
    }
  }
  return dataset;
}

TEST(TrainingRows, IntervalsKnowNoOtherRowOfTheLayerTheyJudge) {
  for (const Trainer& each : trainers()) {
    if (each.model == "boosted" && each.fit == nullptr) GTEST_SKIP() << each.absent;
  }
  // Whoever sees three rows of a layer knows the fourth within some percent; the truth is a factor of e.
  const Predictor predictor =
      trained(layers_in_groups(80), {.model = "boosted", .settings = {{"rounds", "100"}, {"rate", "0.1"}}});
  EXPECT_GT(predictor.parts[0].conformal.factor(0.9), 2);
}

TEST(TrainingRows, LayersThatAreTestedTakeNoPartByWhateverRow) {
  Dataset dataset = toy_dataset(100);
  const std::string before = trained(dataset, {.model = "linear"}).to_text();
  std::vector<DatasetRow> copies;
  for (const DatasetRow& row : dataset.rows) {
    if (row.set != set_test) continue;
    copies.push_back(row);
    copies.back().set = set_train;
    copies.back().layer += " +relu";
  }
  dataset.rows.insert(dataset.rows.end(), copies.begin(), copies.end());
  const Predictor predictor = trained(dataset, {.model = "linear"});
  EXPECT_EQ(predictor.parts[0].rows, 80);
  EXPECT_EQ(predictor.notes.back(), "left out: 20 rows of layers that test rows are of as well");
  Predictor without_note = Predictor::parse(predictor.to_text());
  without_note.notes.pop_back();
  EXPECT_EQ(without_note.to_text(), before);
}

TEST(TrainingRows, ATypeWithoutEnoughValidationRowsIsCalibratedOnLayersLeftOut) {
  // 3,100 rows, of which 20 are for validation: too few to say what holds 99 %.
  Dataset dataset = toy_dataset(3100);
  for (size_t row = 0; row < dataset.rows.size(); ++row)
    dataset.rows[row].set = row < 20 ? set_validation : set_train;
  const Predictor predictor = trained(dataset, {.model = "linear"});
  EXPECT_EQ(predictor.parts[0].conformal.rows(), dataset.rows.size());
  // And one of which no row is, while another type has some.
  for (DatasetRow& row : dataset.rows) row.set = set_train;
  for (size_t width = 10; width < 60; ++width) {
    DatasetRow row = toy_row(LayerDesc::parse(fmt::format("softmax 1x{} first_axis=1 end_axis=2", width)), 5);
    row.set = width % 5 == 0 ? set_validation : set_train;
    dataset.rows.push_back(std::move(row));
  }
  const Predictor both = trained(dataset, {.model = "linear"});
  for (const PredictorPart& part : both.parts) {
    EXPECT_TRUE(std::isfinite(part.conformal.factor(0.9))) << part.type;
  }
}

TEST(TrainingRows, FewLayersAreEnoughForEveryModel) {
  Dataset dataset;
  for (const char* epilogue : {"", " +relu", " +tanh", " +sigmoid"}) {
    for (const int64_t width : {8, 16})
      dataset.rows.push_back(toy_row(LayerDesc::parse(conv_of(1, 8, 16, width, 3).key() + epilogue), 10));
  }
  const Predictor source = trained(toy_dataset(100), {.model = "linear"});
  for (DatasetRow& row : dataset.rows) row.set = set_train;
  dataset.rows.back().set = dataset.rows[6].set = set_validation;
  for (const Trainer& trainer : trainers()) {
    if (trainer.fit == nullptr || trainer.chooses_checkpoint) continue;
    SCOPED_TRACE(trainer.model);
    const std::string model(trainer.model);
    TrainOptions options{.model = model};
    if (model == "transfer") options.from = std::span(&source, 1);
    EXPECT_EQ(trained(dataset, options).parts.size(), 1u);
  }
}

TEST(TrainingRows, OneNumberOfThreadsIsLearnedAtATime) {
  Dataset dataset = toy_dataset(100);
  const std::string one = trained(dataset, {.model = "linear"}).to_text();
  const Dataset slow = toy_dataset(100, 0.5, 2);
  for (const DatasetRow& row : slow.rows) {
    dataset.rows.push_back(row);
    dataset.rows.back().threads = 4;
  }
  EXPECT_THROW(trained(dataset, {.model = "linear"}), Error);
  EXPECT_EQ(trained(dataset, {.model = "linear", .threads = 4}).threads, 4);
  EXPECT_EQ(trained(dataset, {.model = "linear", .threads = 1}).to_text(), one);
}

TEST(TrainingRows, WhatIsLeftOutIsSaid) {
  Dataset dataset = toy_dataset(100);
  DatasetRow row = toy_row(LayerDesc::parse("softmax 1x10 first_axis=1 end_axis=2"), 5);
  row.set = set_train;
  dataset.rows.push_back(row);
  row.set = "mine";
  dataset.rows.push_back(row);
  row.set = set_train;
  row.repeat = 1;
  dataset.rows.push_back(row);
  row.repeat = 0;
  row.outlier = true;
  dataset.rows.push_back(row);
  const Predictor predictor = trained(dataset, {.model = "linear"});
  for (const char* note : {"left out: 1 rows of the set 'mine'", "left out: 1 rows that repeat another",
                           "left out: 1 rows that are outliers",
                           "no model of softmax in phase exe: 1 training rows, wanted 5"}) {
    EXPECT_NE(std::find(predictor.notes.begin(), predictor.notes.end(), note), predictor.notes.end()) << note;
  }
}

}  // namespace
}  // namespace raceline::train
