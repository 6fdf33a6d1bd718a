// Ours: trees on the logarithm of measured over prior time.
#include <cmath>
#include <numeric>

#include "raceline/predict/models/boosted_model.h"
#include "train/trainer.h"
#include "train/xgboost/grow.h"

namespace raceline::train {

std::unique_ptr<LatencyModel> fit_boosted(const FitRequest& request) {
  const Examples& rows = request.train;
  auto model = std::make_unique<BoostedModel>();
  model->prior = LinearPrior::fit(rows.layers, rows.us, request.hardware);
  Features columns;
  std::vector<double> ratios;
  for (size_t row = 0; row < rows.size(); ++row) {
    const double prior_us = model->prior_us(rows.layers[row], request.hardware);
    columns.push_back(BoostedModel::row_of(rows.layers[row], request.hardware, prior_us));
    ratios.push_back(std::log(rows.us[row] / prior_us));
  }
  model->centre = std::accumulate(ratios.begin(), ratios.end(), 0.0) / static_cast<double>(ratios.size());
  for (double& ratio : ratios) ratio -= model->centre;
  GrowOptions options;
  options.rounds = request.settings.whole("rounds", 900, 1, most_rounds);
  options.learning_rate = request.settings.number("rate", 0.04, least_rate, 1);
  options.depth = request.settings.whole("depth", 7, 1, most_depth);
  options.least_in_child = request.settings.number("least", 3, 0, 1e9);
  options.rows = request.settings.number("rows", 0.8, least_share, 1);
  options.columns = request.settings.number("columns", 0.5, least_share, 1);
  options.loss = request.settings.text("loss", "squarederror");
  options.slope = request.settings.number("slope", 0.1, 1e-6, 1e6);
  const auto bags = static_cast<size_t>(request.settings.whole("bags", 2, 1, 100));
  const auto rounds = static_cast<size_t>(options.rounds);
  for (size_t bag = 0; bag < bags && !request.stop(); ++bag) {
    options.seed = request.seed * 1000 + bag;
    model->bags.push_back(grow(columns, ratios, options, [&](size_t round) {
      request.report({.done = bag * rounds + round, .all = bags * rounds});
      return !request.stop();
    }));
  }
  return model;
}

}  // namespace raceline::train
