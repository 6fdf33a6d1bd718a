// Ours: the linear prior, and trees that predict the logarithm of measured over prior time from the
// engineered features. Where nobody measured, it goes on as the prior does.
#pragma once
#include "raceline/predict/models/linear_prior.h"
#include "raceline/predict/models/trees.h"

namespace raceline {

class BoostedModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "boosted";

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view type) const override;
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  std::vector<std::string> describe() const override { return prior.describe(); }

  /// What the trees see: the engineered features, the prior's time and how far it is above the roofline.
  static std::vector<double> row_of(const LayerFacts& layer, const Hardware& hardware, double prior_us);
  /// The prior's time, or a nanosecond where it has none.
  double prior_us(const LayerFacts& layer, const Hardware& hardware) const;

  LinearPrior prior;
  double centre = 0;        ///< mean of the log ratio
  std::vector<Trees> bags;  ///< each predicts the log ratio less the centre; their mean counts
};

}  // namespace raceline
