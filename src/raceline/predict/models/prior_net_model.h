// Ours, as a net: the linear prior, and residual nets that predict the logarithm of measured over prior time
// from the engineered features. What boosted_model.h does with trees.
#pragma once
#include "raceline/predict/models/linear_prior.h"

namespace raceline {

class PriorNetModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "resperfnet+";

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view type) const override;
  /// us = prior * exp(centre + mean of the nets). Not from two threads at a time. Throws Error before
  /// prepare().
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  void prepare(const Engine& engine) override;
  std::vector<std::string> describe() const override { return prior.describe(); }

  /// The prior's times, or a nanosecond where it has none.
  std::vector<double> prior_us(std::span<const LayerFacts> layers, const Hardware& hardware) const;
  /// What the nets see of layers whose prior times are these.
  Features rows_of(std::span<const LayerFacts> layers, const Hardware& hardware,
                   std::span<const double> prior_us) const;

  LinearPrior prior;
  double centre = 0;  ///< mean of the log ratio
  ZScore z_score;
  std::vector<std::string> onnx;  ///< of each net: a batch of rows in, a log ratio less the centre each out

 private:
  std::vector<std::unique_ptr<NetRunner>> runners_;
};

}  // namespace raceline
