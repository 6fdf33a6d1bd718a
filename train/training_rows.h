// Which rows of a dataset a predictor is trained on, part by part, and which are not, and why.
#pragma once
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "raceline/dataset/dataset.h"
#include "raceline/predict/trained_layers.h"
#include "train/trainer.h"

namespace raceline::train {

struct TrainOptions;

/// Rows, and which layer (or staircase) each is of: rows of one shape (with and without activation, by
/// several primitives) say much the same, so that whoever was fitted to one is not judged by another.
class LayerRows {
 public:
  void add(const DatasetRow& row, double time_us);
  void append(const LayerRows& other);

  const Examples& examples() const { return examples_; }
  size_t size() const { return examples_.size(); }
  /// The layers dealt out to `count` parts, in an order that knows nothing of that of the rows; the rows of
  /// one part, or of all others.
  Examples part(size_t index, size_t count, bool inside) const;
  size_t layers() const;

 private:
  Examples examples_;
  std::vector<uint64_t> unit_;  ///< of each row: the hash of its split_unit()
};

struct PartRows {
  LayerRows train, validation;
  LayerRows test;  ///< only to be watched; empty unless TrainOptions::watch
};
using PartKey = std::tuple<std::string, std::string, Phase>;  ///< type, primitive, phase

struct TrainingRows {
  std::string platform, accelerator, mode;
  int threads = 0;
  std::map<PartKey, PartRows> parts;  ///< each with `least_rows` to train on
  TrainedLayers layers;               ///< of all parts
  std::vector<std::string> notes;     ///< what was left out and why, with its number, a line each
};

constexpr size_t least_rows = 5;

/// Rows of the sets train and validation of the one platform, accelerator, mode and number of threads that
/// there is or that is asked for. A type without validation rows gives a tenth of its layers. Left out are
/// layers that are tested as well, repetitions, outliers and types of too few rows.
/// Throws Error: no rows, several of something to choose from, a type asked for that has none.
TrainingRows training_rows(const Dataset& dataset, const TrainOptions& options);

}  // namespace raceline::train
