// A platform of which a few dozen rows are known, by what is known of others: a sum of their predicted times
// at prices that are not negative, and a smooth correction of its logarithm that fades away from the rows.
#pragma once
#include <functional>

#include "raceline/predict/latency_model.h"

namespace raceline {

class TransferModel : public LatencyModel {
 public:
  static constexpr std::string_view kind = "transfer";

  /// Another platform's model of the same layer type and phase.
  struct Source {
    std::string name;
    Hardware hardware;
    std::unique_ptr<LatencyModel> model;
  };

  std::string_view name() const override { return kind; }
  std::vector<std::string> columns(std::string_view type) const override;
  void predict(std::span<const LayerFacts> layers, const Hardware& hardware,
               std::span<double> us) const override;
  void visit(Archive& archive, std::string_view type) override;
  void prepare(const Engine& engine) override;
  std::vector<std::string> describe() const override;

  /// Fits all but the sources, which must be there: the prices to all rows, the correction to at most 300 of
  /// them, since its work grows with their cube. `stop` ends the fit with what it has.
  void fit(
      std::span<const LayerFacts> layers, std::span<const double> us, uint64_t seed,
      const std::function<bool()>& stop = [] { return false; });

  std::vector<Source> sources;

 private:
  /// For each layer the sources' times, then 1.
  std::vector<std::vector<double>> amounts(std::span<const LayerFacts> layers) const;
  double base_us(const std::vector<double>& amounts) const;
  /// What the correction depends on: the layer's shape, and where the sources disagree.
  std::vector<double> place_of(const LayerFacts& layer, const std::vector<double>& amounts) const;
  double correction(const std::vector<double>& place) const;
  void fit_correction(const Features& places, const std::vector<double>& errors,
                      const std::function<bool()>& stop);

  std::vector<double> prices_;  ///< of amounts()
  ZScore z_score_;              ///< of place_of()
  std::vector<double> places_;  ///< of the rows, one behind the other
  std::vector<double> pulls_;   ///< of each row
  double length_ = 1;           ///< how far a row reaches
};

}  // namespace raceline
