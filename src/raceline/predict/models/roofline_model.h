// The analytic model of PALEO (Qi et al. 2017): arithmetic at a share of the peak, traffic at a share of the
// bandwidth, one after the other. Two numbers, fitted as PALEO's "percent of peak" are.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class RooflineModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "roofline";
  static std::unique_ptr<LatencyModel> fit(std::span<const LayerFacts> layers, std::span<const double> us,
                                           const Hardware& hardware);

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view) const override { return {"compute us", "memory us"}; }
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  std::vector<std::string> describe() const override;

 private:
  double compute_ = 1, memory_ = 1;  ///< how many times what the data sheet's peaks would take
};

}  // namespace raceline
