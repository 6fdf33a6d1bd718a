// XGBoost as ResPerfNet's table 1 has it: the papers' features, milliseconds, squared error.
#include "raceline/predict/models/tree_model.h"
#include "train/trainer.h"
#include "train/xgboost/grow.h"

namespace raceline::train {

std::unique_ptr<LatencyModel> fit_xgboost(const FitRequest& request) {
  auto model = std::make_unique<TreeModel>(TreeModel::xgboost_kind, FeatureSet::raw);
  model->unit_us = 1000;
  GrowOptions options;
  options.rounds = request.settings.whole("rounds", 500, 1, most_rounds);
  options.learning_rate = request.settings.number("rate", 0.1, least_rate, 1);
  options.depth = request.settings.whole("depth", 6, 1, most_depth);
  options.seed = request.seed;
  std::vector<double> targets;
  for (const double us : request.train.us)
    model->base += us / model->unit_us / static_cast<double>(request.train.size());
  for (const double us : request.train.us) targets.push_back(us / model->unit_us - model->base);
  const Features rows = features_of(FeatureSet::raw, request.train.layers, request.hardware);
  model->trees = grow(rows, targets, options, [&](size_t round) {
    request.report({.done = round, .all = static_cast<size_t>(options.rounds)});
    return !request.stop();
  });
  return model;
}

}  // namespace raceline::train
