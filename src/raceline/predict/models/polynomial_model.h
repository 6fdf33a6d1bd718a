// Polynomial regression on the papers' features (PerfNetRT's table V, ResPerfNet's table 1): all products of
// up to `degree` of them, least squares on milliseconds.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class PolynomialModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "polynomial";
  /// A little ridge keeps products that say the same from cancelling each other. Throws Error for a degree
  /// outside 1 to 4.
  static std::unique_ptr<LatencyModel> fit(std::span<const LayerFacts> layers, std::span<const double> us,
                                           const Hardware& hardware, int64_t degree, double ridge);

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view type) const override {
    return feature_names(FeatureSet::raw, type);
  }
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;

 private:
  std::vector<double> terms(std::span<const LayerFacts> layer, const Hardware& hardware) const;

  int64_t degree_ = 2;
  ZScore z_score_;
  std::vector<double> coefficients_;  ///< of terms(), in milliseconds
};

}  // namespace raceline
