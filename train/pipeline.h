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
  int threads = 0;                          ///< likewise; 0: the only number there is
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
  bool watch = false;     ///< errors on test rows are kept with the checkpoint, beside all others
  std::string data_name;  ///< for the notes
};

/// Of one part: how far it is.
using PartReport = std::function<void(const std::string& part, const FitProgress&)>;

/// Of training_rows(), which are named in the notes where they are not all. When `stop` says so it ends soon,
/// with parts as far as they are. Throws as that does, and for a setting that the model lacks.
Predictor train(const Dataset& dataset, const TrainOptions& options, const PartReport& report,
                const std::function<bool()>& stop);

}  // namespace raceline::train
