#include "raceline/predict/models/roofline_model.h"

#include <array>

#include <fmt/format.h>

#include "raceline/predict/least_squares.h"

namespace raceline {

std::unique_ptr<LatencyModel> RooflineModel::fit(std::span<const LayerFacts> layers,
                                                 std::span<const double> us, const Hardware& hardware) {
  NormalEquations equations(2);
  for (size_t row = 0; row < layers.size(); ++row) {
    const std::array<double, 2> shares{hardware.compute_us(layers[row].flops) / us[row],
                                       hardware.memory_us(layers[row].bytes()) / us[row]};
    equations.add(shares, 1);
  }
  const std::vector<double> factors = equations.solve_non_negative();
  auto model = std::make_unique<RooflineModel>();
  model->compute_ = factors[0];
  model->memory_ = factors[1];
  return model;
}

void RooflineModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                            std::span<double> us) const {
  for (size_t row = 0; row < layers.size(); ++row) {
    us[row] =
        compute_ * hardware.compute_us(layers[row].flops) + memory_ * hardware.memory_us(layers[row].bytes());
  }
}

void RooflineModel::visit(Archive& archive, std::string_view) {
  archive.field("compute", compute_);
  archive.field("memory", memory_);
}

std::vector<std::string> RooflineModel::describe() const {
  return {fmt::format("{:.1f} % of the peak arithmetic", compute_ > 0 ? 100 / compute_ : 0),
          fmt::format("{:.1f} % of the peak bandwidth", memory_ > 0 ? 100 / memory_ : 0)};
}

}  // namespace raceline
