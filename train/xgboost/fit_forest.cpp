// A random forest in nn-Meter's recipe: the papers' features with operations and weights added, milliseconds,
// squared error, deep trees, a share of the columns at each node. nn-Meter's has 240 to 650 trees of
// scikit-learn; libxgboost draws rows without putting them back.
#include "raceline/predict/models/tree_model.h"
#include "train/trainer.h"
#include "train/xgboost/grow.h"

namespace raceline::train {

std::unique_ptr<LatencyModel> fit_forest(const FitRequest& request) {
  auto model = std::make_unique<TreeModel>(TreeModel::forest_kind, FeatureSet::counted);
  model->unit_us = 1000;
  GrowOptions options;
  options.rounds = 1;
  options.learning_rate = 1;
  options.forest = request.settings.whole("trees", 100, 1, most_rounds);
  options.depth = request.settings.whole("depth", 30, 1, most_depth);
  options.rows = request.settings.number("rows", 0.632, least_share, 1);
  options.columns_by_node = request.settings.number("columns", 0.7, least_share, 1);
  options.shrink = 0;
  options.exact = true;
  options.seed = request.seed;
  std::vector<double> targets;
  for (const double us : request.train.us) targets.push_back(us / model->unit_us);
  if (request.stop()) return model;
  model->trees = grow(features_of(FeatureSet::counted, request.train.layers, request.hardware), targets,
                      options, [](size_t) { return true; });
  request.report({.done = 1, .all = 1});
  return model;
}

}  // namespace raceline::train
