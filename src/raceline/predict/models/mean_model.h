// The plain mean of the training rows: what every model must beat.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class MeanModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "mean";
  explicit MeanModel(double mean_us = 1) : mean_us_(mean_us) {}
  static std::unique_ptr<LatencyModel> fit(std::span<const double> us);

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view) const override { return {}; }
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  std::vector<std::string> describe() const override;

 private:
  double mean_us_;
};

}  // namespace raceline
