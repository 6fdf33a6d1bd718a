// Time as a sum of amounts of work, each at a price that is not negative: flops, bytes, tiles, a constant.
// Sixteen numbers for a layer type and platform that can be printed and checked, and that go on linearly
// where nobody measured.
#pragma once
#include "raceline/predict/latency_model.h"

namespace raceline {

class LinearPrior : public LatencyModel {
 public:
  static constexpr std::string_view kind = "linear";
  LinearPrior() : price_us_(work_names().size()) {}
  /// The prices of fit_prices(): near on the logarithm.
  static LinearPrior fit(std::span<const LayerFacts> layers, std::span<const double> us,
                         const Hardware& hardware);

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view) const override {
    return {work_names().begin(), work_names().end()};
  }
  double predict(const LayerFacts& layer, const Hardware& hardware) const;
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  /// "bytes in: 8.4 us/MB", in the order of work_names(); those of 0 are left out.
  std::vector<std::string> describe() const override;
  std::span<const double> prices_us() const { return price_us_; }

 private:
  std::vector<double> price_us_;  ///< of a unit of work_names()
};

}  // namespace raceline
