// Trees on features of a layer: XGBoost as in ResPerfNet's table 1, and the random forest of nn-Meter.
#pragma once
#include "raceline/predict/latency_model.h"
#include "raceline/predict/models/trees.h"

namespace raceline {

/// time = (base + sum of the trees) * unit, or its exponential where trees were grown on logarithms.
class TreeModel : public LatencyModel {
 public:
  static constexpr std::string_view xgboost_kind = "xgboost";
  static constexpr std::string_view forest_kind = "forest";
  /// features: raw for XGBoost, counted for forests.
  TreeModel(std::string_view kind, FeatureSet features) : kind_(kind), features_(features) {}

  std::string_view name() const override { return kind_; }
  std::vector<std::string> columns(std::string_view type) const override {
    return feature_names(features_, type);
  }
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;

  Trees trees;
  double base = 0;         ///< added to the sum
  double unit_us = 1;      ///< microseconds of 1
  bool logarithm = false;  ///< of the time in that unit

 private:
  std::string_view kind_;
  FeatureSet features_;
};

}  // namespace raceline
