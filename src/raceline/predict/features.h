// What models see of a layer: columns of numbers with names. A predictor file names the columns that its
// model was trained on, and they are compared when it is read.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/predict/hardware.h"
#include "raceline/predict/layer_facts.h"
#include "raceline/predict/transforms.h"

namespace raceline {

enum class FeatureSet : uint8_t {
  /// Parameters as the papers' tables list them (PerfNetRT tables I to III, ResPerfNet table 3), unchanged:
  /// images, kernels and strides by height and width. Columns depend on the family of the type.
  raw,
  /// The same with operations and weights added, as nn-Meter's forests have them.
  counted,
  /// Ours, on logarithms: work, traffic, arithmetic intensity, the matrix product's shape, tiles and what
  /// they
  /// waste, remainders of channels, working set against cache, the roofline's times. The same for all types.
  engineered,
};

/// Names of the columns for layers of the type.
std::vector<std::string> feature_names(FeatureSet set, std::string_view type);
/// The columns of one layer, in that order.
std::vector<double> features_of(FeatureSet set, const LayerFacts& facts, const Hardware& hardware);
/// A row for each layer; all of one type.
Features features_of(FeatureSet set, std::span<const LayerFacts> layers, const Hardware& hardware);

/// Amounts of work that a layer's time is a sum of (models/linear_prior.h): constant, operations by kind,
/// operations padded to tiles, bytes in, out, of weights and of the unrolled image, and so on. The same for
/// all types; where an op has nothing of a kind the column is 0.
std::span<const std::string_view> work_names();
std::vector<double> work_of(const LayerFacts& facts, const Hardware& hardware);

/// Columns that the range of training rows is remembered of, so that a layer beyond it is told (extents,
/// work, traffic; logarithms). A predictor's file may know the first `oldest_ranges` of them only.
std::span<const std::string_view> range_names();
inline constexpr size_t oldest_ranges = 13;
std::vector<double> range_features(const LayerFacts& facts);

}  // namespace raceline
