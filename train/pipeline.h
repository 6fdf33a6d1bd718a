// From a dataset to a predictor: which rows, part by part, fitted and calibrated.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "raceline/dataset/dataset.h"
#include "train/trainer.h"

namespace raceline::train {

struct TrainOptions {
  std::string model = "boosted";
  std::string platform, accelerator, mode;  ///< which of the dataset's; empty: the only one there is
  std::vector<std::string> types;           ///< empty: all that have rows
  std::vector<Phase> phases{Phase::exe};
  PhaseModel definition = PhaseModel::resperfnet;
  int64_t rows = 0;  ///< at most so many of each part, drawn by the seed; 0: all
  uint64_t seed = 1;
  int64_t jobs = 1;  ///< parts fitted side by side, each on one thread
  std::map<std::string, std::string> settings;
  std::span<const Predictor> from;
  Engine engine;  ///< for models that are nets
  std::filesystem::path checkpoint;
  std::string data_name;  ///< for the notes
};

/// Of one part: how far it is.
using PartReport = std::function<void(const std::string& part, const FitProgress&)>;

/// Rows of the sets train and validation are used, no others. Where none is marked for validation, a tenth of
/// the layers is taken from training. Rows measured again (repeat 1) and outliers take no part.
/// Throws Error: no rows, several platforms to choose from, a setting that the model lacks.
Predictor train(const Dataset& dataset, const TrainOptions& options, const PartReport& report,
                const std::function<bool()>& stop);

}  // namespace raceline::train
