// A toy platform to be learned, and what the tests of training do with it.
#pragma once
#include <cmath>

#include "raceline/dataset/splits.h"
#include "raceline/predict/accuracy.h"
#include "tests/predict/support.h"
#include "train/pipeline.h"

namespace raceline::train {

/// What a toy platform takes for a layer: a rule with a step that no sum of work knows, and noise.
inline double toy_us(const LayerFacts& layer, double speed, Random& random) {
  const double step = std::fmod(layer.channels_out, 4) == 0 ? 0.5 : 1.0;
  return (5 + 1e-6 * layer.flops * step + 100e-6 * layer.bytes()) / speed * std::exp(0.02 * random.normal());
}

inline Dataset toy_dataset(size_t count, double speed = 1, uint64_t seed = 1) {
  Random random(seed);
  Dataset dataset;
  for (size_t row = 0; row < count; ++row) {
    const LayerDesc layer = conv_of(
        1 + random.below(8), 1 + random.below(200), 4 + random.below(60),
        random.below(2) == 0 ? 16 * (1 + random.below(12)) : 1 + random.below(200), 1 + 2 * random.below(3));
    DatasetRow each;
    each.layer = layer.key();
    each.type = "conv";
    each.platform = "toy";
    each.accelerator = "cpu";
    each.mode = "optimised";
    each.set = set_train;
    const double us = toy_us(facts_of(layer), speed, random);
    each.p10.fill({us / 10, us, us / 20});
    each.median = each.p10;
    dataset.rows.push_back(std::move(each));
  }
  split(dataset, {});
  return dataset;
}

inline Predictor trained(const Dataset& dataset, TrainOptions options) {
  if (!options.engine) options.engine = some_engine();
  return train(
      dataset, options, [](const std::string&, const FitProgress&) {}, [] { return false; });
}

inline double test_mape(const Predictor& predictor, const Dataset& dataset) {
  std::vector<LayerFacts> layers;
  std::vector<double> measured, predicted;
  for (const DatasetRow& row : dataset.rows) {
    if (row.set != set_test) continue;
    layers.push_back(facts_of(LayerDesc::parse(row.layer)));
    measured.push_back(row.exe_us(PhaseModel::resperfnet));
  }
  for (const auto& prediction : predictor.predict(layers, Phase::exe)) predicted.push_back(prediction->us);
  return accuracy(predicted, measured).mape;
}

}  // namespace raceline::train
