// Support vector regression with radial basis functions (ResPerfNet's table 1): the machine that libsvm
// fitted, evaluated by our own code.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class SvrModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "svr";

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view type) const override {
    return feature_names(FeatureSet::raw, type);
  }
  /// us = (sum of coefficient * exp(-gamma |x - vector|^2) + offset) * unit_us
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;

  ZScore z_score;
  double gamma = 1, offset = 0, unit_us = 1;
  std::vector<double> coefficients;
  std::vector<float> vectors;  ///< one behind the other, as wide as there are columns
};

}  // namespace raceline
