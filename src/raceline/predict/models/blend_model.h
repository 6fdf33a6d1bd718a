// Ours, both: trees and nets on the ratio to the prior, averaged on the logarithm.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class BlendModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "blend";

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view type) const override;
  /// us = nets^share * trees^(1 - share)
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  void prepare(const Engine& engine) override;
  std::vector<std::string> describe() const override { return trees->describe(); }

  std::unique_ptr<LatencyModel> trees;  ///< a BoostedModel
  std::unique_ptr<LatencyModel> nets;   ///< a PriorNetModel
  double share = 0.5;                   ///< of the nets
};

}  // namespace raceline
