#include "raceline/predict/models/prior_net_model.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/predict/models/boosted_model.h"
#include "raceline/predict/models/net_file.h"
#include "raceline/predict/models/z_score_file.h"

namespace raceline {
namespace {

/// Columns lie within so many deviations: beyond its training rows a net says what it says at their edge.
constexpr double most_deviations = 5;

}  // namespace

std::vector<std::string> PriorNetModel::columns(std::string_view type) const {
  return BoostedModel().columns(type);
}

std::vector<double> PriorNetModel::prior_us(std::span<const LayerFacts> layers,
                                            const Hardware& hardware) const {
  std::vector<double> us(layers.size());
  prior.predict(layers, hardware, us);
  for (double& each : us) each = std::max(least_us, each);
  return us;
}

Features PriorNetModel::rows_of(std::span<const LayerFacts> layers, const Hardware& hardware,
                                std::span<const double> prior_us) const {
  Features rows;
  for (size_t row = 0; row < layers.size(); ++row)
    rows.push_back(BoostedModel::row_of(layers[row], hardware, prior_us[row]));
  z_score.apply(rows);
  for (std::vector<double>& row : rows) {
    for (double& each : row) each = std::clamp(each, -most_deviations, most_deviations);
  }
  return rows;
}

void PriorNetModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                            std::span<double> us) const {
  if (runners_.empty()) throw Error(fmt::format("the model '{}' predicts only with an engine", kind));
  const std::vector<double> prior_times = prior_us(layers, hardware);
  const Features rows = rows_of(layers, hardware, prior_times);
  std::vector<double> sums(layers.size()), each(layers.size());
  for (const auto& runner : runners_) {
    runner->run(rows, each);
    std::transform(sums.begin(), sums.end(), each.begin(), sums.begin(), std::plus<>());
  }
  for (size_t row = 0; row < us.size(); ++row)
    us[row] = prior_times[row] * std::exp(centre + sums[row] / static_cast<double>(runners_.size()));
}

void PriorNetModel::prepare(const Engine& engine) {
  if (!engine) return;
  runners_.clear();
  for (const std::string& each : onnx) runners_.push_back(engine(each, z_score.mean.size()));
}

void PriorNetModel::visit(Archive& archive, std::string_view type) {
  archive.object("prior", [&](Archive& inner) { prior.visit(inner, type); });
  archive.field("centre", centre);
  visit_z_score(archive, z_score, columns(type).size());
  size_t count = onnx.size();
  archive.list("nets", count, [&](Archive& inner, size_t index) {
    if (inner.reading()) onnx.emplace_back();
    visit_net(inner, onnx[index]);
  });
  if (onnx.empty()) archive.refuse("nets", "wanted one at least");
}

}  // namespace raceline
