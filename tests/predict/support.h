// Layers and predictors that the tests of this room share.
#pragma once
#include <cmath>
#include <string>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_writer.h"
#include "raceline/predict/models/linear_prior.h"
#include "raceline/predict/models/net_model.h"
#include "raceline/predict/net_engine.h"
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

/// Runs nets on reference primitives.
inline const Engine& some_engine() {
  static const PrimitiveRegistry registry = builtin_primitives();
  static CpuDevice cpu(Machine::detect());
  static const Engine engine = net_engine(registry, cpu);
  return engine;
}

/// The bytes of a net of one dense layer: the sum of each row's numbers times `weight`, and `bias`.
inline std::string some_net(size_t width, float weight, float bias, int64_t outputs = 1) {
  OnnxWriter writer("sum", 13);
  writer.input("rows", std::vector<std::string>{"batch", std::to_string(width)});
  const auto columns = static_cast<int64_t>(width);
  const std::vector<float> weights(width * static_cast<size_t>(outputs), weight);
  const std::vector<float> biases(static_cast<size_t>(outputs), bias);
  writer.initializer("weights", Tensor::of<float>({columns, outputs}, weights));
  writer.initializer("biases", Tensor::of<float>({outputs}, biases));
  writer.node("Gemm", {"rows", "weights", "biases"}, {"times"});
  writer.output("times", std::vector<std::string>{"batch", std::to_string(outputs)});
  return writer.bytes();
}

/// A net model whose columns are scaled as those of some layers.
inline std::unique_ptr<NetModel> some_net_model(std::string_view kind, bool transformed) {
  auto model = std::make_unique<NetModel>(kind);
  Features rows = features_of(FeatureSet::raw, some_convs(50, 2), some_hardware());
  if (transformed) {
    model->box_cox = BoxCox::fit(rows, box_cox_columns("conv"));
    model->box_cox.apply(rows);
  }
  model->z_score = ZScore::fit(rows);
  model->onnx = some_net(model->z_score.mean.size(), 0.25F, 8);
  model->prepare(some_engine());
  return model;
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
