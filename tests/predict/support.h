// Layers and predictors that the tests of this room share.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/predict/models/linear_prior.h"
#include "raceline/predict/predictor.h"

namespace raceline {

inline LayerDesc conv_of(int64_t batch, int64_t in, int64_t extent, int64_t out, int64_t kernel) {
  const std::string pad = std::to_string(kernel / 2);
  return LayerDesc::parse(
      "conv2d " + std::to_string(batch) + "x" + std::to_string(in) + "x" + std::to_string(extent) + "x" +
      std::to_string(extent) + " " + std::to_string(out) + "x" + std::to_string(in) + "x" +
      std::to_string(kernel) + "x" + std::to_string(kernel) + "* " + std::to_string(out) + "*" +
      (kernel > 1 ? " pads_begin=" + pad + "x" + pad + " pads_end=" + pad + "x" + pad : ""));
}

/// Seeded convolutions of many sizes.
inline std::vector<LayerFacts> some_convs(size_t count, uint64_t seed) {
  Random random(seed);
  std::vector<LayerFacts> layers;
  while (layers.size() < count) {
    layers.push_back(facts_of(conv_of(1 + random.below(8), 1 + random.below(200), 4 + random.below(60),
                                      1 + random.below(200), 1 + 2 * random.below(3))));
  }
  return layers;
}

inline Hardware some_hardware() {
  return {.name = "toy", .gflops = 100, .gb_per_s = 10, .cache_bytes = 1 << 20, .units = 1};
}

/// A predictor of convolutions with one model, fitted to times of the rule 5 us + 20 us/GFLOP + 100 us/MB in.
inline double rule_us(const LayerFacts& layer) {
  return 5 + 20e-9 * layer.flops + 100e-6 * layer.in_bytes;
}

inline Predictor some_predictor() {
  Predictor predictor;
  predictor.platform = "toy";
  predictor.accelerator = "cpu";
  predictor.mode = "optimised";
  predictor.threads = 1;
  predictor.model = "linear";
  predictor.notes = {"a note"};
  predictor.hardware = some_hardware();
  PredictorPart part;
  part.type = "conv";
  const std::vector<LayerFacts> layers = some_convs(200, 1);
  std::vector<double> us, guesses;
  for (const LayerFacts& layer : layers) us.push_back(rule_us(layer));
  part.model = std::make_unique<LinearPrior>(LinearPrior::fit(layers, us, predictor.hardware));
  part.rows = 200;
  for (const LayerFacts& layer : layers) part.range.extend(layer);
  for (size_t row = 0; row < us.size(); ++row) guesses.push_back(us[row] * (row % 10 == 0 ? 1.3 : 1.05));
  part.conformal = Conformal::fit(guesses, us);
  predictor.parts.push_back(std::move(part));
  return predictor;
}

}  // namespace raceline
