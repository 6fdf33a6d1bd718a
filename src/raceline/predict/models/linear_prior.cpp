#include "raceline/predict/models/linear_prior.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "raceline/predict/least_squares.h"

namespace raceline {
namespace {

std::string_view unit_of(std::string_view work) {
  if (work == "constant") return "us";
  if (work.starts_with("bytes")) return "us/MB";
  return work.starts_with("tiles") ? "us/1000" : "us/GFLOP";
}

}  // namespace

LinearPrior LinearPrior::fit(std::span<const LayerFacts> layers, std::span<const double> us,
                             const Hardware& hardware) {
  LinearPrior prior;
  std::vector<std::vector<double>> rows;
  for (const LayerFacts& layer : layers) rows.push_back(work_of(layer, hardware));
  prior.price_us_ = fit_prices(rows, us);
  return prior;
}

double LinearPrior::predict(const LayerFacts& layer, const Hardware& hardware) const {
  const std::vector<double> work = work_of(layer, hardware);
  return std::inner_product(work.begin(), work.end(), price_us_.begin(), 0.0);
}

void LinearPrior::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                          std::span<double> us) const {
  for (size_t row = 0; row < layers.size(); ++row) us[row] = predict(layers[row], hardware);
}

void LinearPrior::visit(Archive& archive, std::string_view) {
  archive.field("price_us", price_us_);
  if (!archive.reading()) return;
  if (price_us_.size() != work_names().size()) {
    archive.refuse("price_us", fmt::format("{} prices, wanted {}", price_us_.size(), work_names().size()));
  }
  if (std::any_of(price_us_.begin(), price_us_.end(), [](double price) { return price < 0; })) {
    archive.refuse("price_us", "a price below 0");
  }
}

std::vector<std::string> LinearPrior::describe() const {
  std::vector<std::string> lines;
  for (size_t column = 0; column < price_us_.size(); ++column) {
    if (price_us_[column] == 0) continue;
    const std::string_view work = work_names()[column];
    lines.push_back(fmt::format("{}: {:.4g} {}", work, price_us_[column], unit_of(work)));
  }
  return lines;
}

}  // namespace raceline
