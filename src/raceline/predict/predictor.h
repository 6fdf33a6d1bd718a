// A predictor: what a platform's layers take, by a model for each layer type and phase. A value that is
// saved, loaded and shipped; docs/prediction.md says what a file holds.
#pragma once
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/predict/conformal.h"
#include "raceline/predict/latency_model.h"
#include "raceline/predict/network_rule.h"
#include "raceline/predict/phase.h"
#include "raceline/predict/trained_layers.h"

namespace raceline {

/// A time, and between what it lies.
struct Prediction {
  double us = 0;
  double low_us = 0, high_us = 0;  ///< high is infinite when too few rows were left to say
  /// The first of range_names() in which the layer lies beyond the training rows; empty: in none. Such an
  /// interval is twice as wide (on the logarithm), and still a guess.
  std::string beyond;
};

/// The range of training rows in each of range_names(), or in the first of them.
struct TrainingRange {
  std::vector<double> low, high;

  void extend(const LayerFacts& facts);
  /// The first column in which the layer lies outside, by more than the rounding of a number; else empty.
  std::string_view beyond(const LayerFacts& facts) const;
  void visit(Archive& archive);
};

/// The model of one layer type (of one primitive, where a platform offers several) in one phase.
struct PredictorPart {
  std::string type, primitive;
  Phase phase = Phase::exe;
  int64_t rows = 0;  ///< that it was fitted on
  TrainingRange range;
  Conformal conformal;
  std::unique_ptr<LatencyModel> model;
};

struct Predictor {
  std::string platform, accelerator, mode;
  int64_t threads = 0;
  std::vector<std::string>
      machines;  ///< fingerprints of those that were measured, where the dataset names them
  PhaseModel phases = PhaseModel::resperfnet;
  std::string model;               ///< name of the kind that was asked for
  std::vector<std::string> notes;  ///< provenance: dataset, its hash, settings
  Hardware hardware;
  TrainedLayers trained;
  std::vector<PredictorPart> parts;
  std::optional<NetworkRule> networks;  ///< absent: nobody calibrated it, and only sums can be said

  /// Absent when there is no model of this.
  const PredictorPart* find(std::string_view type, Phase phase, std::string_view primitive = "") const;
  /// Each layer's time; nothing where no part knows its type. Layers of one type are predicted together.
  std::vector<std::optional<Prediction>> predict(std::span<const LayerFacts> layers, Phase phase,
                                                 double level = 0.9, std::string_view primitive = "") const;

  /// JSON; the same predictor gives the same bytes.
  std::string to_text() const;
  /// Throws ParseError naming the place: another version, cut short, a number that is not finite, columns
  /// that this version does not compute.
  static Predictor parse(std::string_view text, const Engine& engine = {});
};

/// Reads a predictor's file, packed or not. Errors name the file.
Predictor read_predictor(const std::filesystem::path& path, const Engine& engine = {});

}  // namespace raceline
