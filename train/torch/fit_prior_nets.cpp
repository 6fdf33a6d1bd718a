// Ours with nets: resperfnet+, and its blend with boosting.
#include <cmath>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/predict/models/blend_model.h"
#include "raceline/predict/models/boosted_model.h"
#include "raceline/predict/models/prior_net_model.h"
#include "train/torch/descent.h"

namespace raceline::train {
namespace {

/// ResPerfNet's trunk without its convolutions, which read columns as a sequence that they are not.
Net residual_net(int64_t width, int64_t neurons, int64_t blocks) {
  Net net(width);
  net.dense(neurons).relu();
  for (int64_t block = 0; block < blocks; ++block)
    net.begin_residual().dense(neurons).relu().dense(neurons).end_residual().relu();
  net.dense(1);
  return net;
}

/// The rows' columns, and the logarithms of measured over prior time less the centre.
NetRows rows_of(const Examples& examples, const PriorNetModel& model, const Hardware& hardware) {
  std::vector<double> times = model.prior_us(examples.layers, hardware);
  const Features rows = model.rows_of(examples.layers, hardware, times);
  for (size_t row = 0; row < times.size(); ++row)
    times[row] = std::log(examples.us[row] / times[row]) - model.centre;
  return net_rows(rows, times, true);
}

/// MAPE of a blend with so large a share of the nets.
double mape_at(double share, std::span<const double> by_trees, std::span<const double> by_nets,
               std::span<const double> us) {
  double sum = 0;
  for (size_t row = 0; row < us.size(); ++row) {
    const double blended = std::pow(by_trees[row], 1 - share) * std::pow(by_nets[row], share);
    sum += std::abs(blended / us[row] - 1);
  }
  return sum / static_cast<double>(us.size());
}

}  // namespace

std::unique_ptr<LatencyModel> fit_resperfnet_plus(const FitRequest& request) {
  Recipe recipe{.epochs = 80,
                .rate = 2e-3,
                .epsilon = 1e-8,
                .decay = 1e-3,
                .clip = 1,
                .one_cycle = true,
                .loss = "mae"};
  recipe.ask(request.settings);
  const int64_t neurons = request.settings.whole("neurons", 96), blocks = request.settings.whole("blocks", 3);
  const int64_t seeds = request.settings.whole("seeds", 3);
  if (neurons < 1 || neurons > 4096 || blocks < 0 || blocks > 64 || seeds < 1 || seeds > 100)
    throw Error("--set: neurons are 1 to 4096, blocks 0 to 64, seeds 1 to 100");

  auto model = std::make_unique<PriorNetModel>();
  const Examples& examples = request.train;
  model->prior = LinearPrior::fit(examples.layers, examples.us, request.hardware);
  const std::vector<double> prior_us = model->prior_us(examples.layers, request.hardware);
  Features columns;
  for (size_t row = 0; row < examples.size(); ++row) {
    columns.push_back(BoostedModel::row_of(examples.layers[row], request.hardware, prior_us[row]));
    model->centre += std::log(examples.us[row] / prior_us[row]) / static_cast<double>(examples.size());
  }
  model->z_score = ZScore::fit(columns);
  const NetRows train = rows_of(examples, *model, request.hardware);
  const NetRows validation = rows_of(request.validation, *model, request.hardware);
  const NetRows watched = rows_of(request.watched, *model, request.hardware);
  for (int64_t each = 0; each < seeds && !request.stop(); ++each) {
    FitRequest own = request;
    own.seed = request.seed * 1000 + static_cast<uint64_t>(each);
    if (!own.checkpoint.empty()) own.checkpoint += fmt::format(".{}", each);
    own.report = [&](FitProgress progress) {
      progress.done += static_cast<size_t>(each * recipe.epochs);
      if (progress.best > 0) progress.best += static_cast<size_t>(each * recipe.epochs);
      progress.all = static_cast<size_t>(seeds * recipe.epochs);
      request.report(progress);
    };
    Net net = residual_net(train.rows.size(1), neurons, blocks);
    descend(net, train, validation, recipe, own, watched);
    model->onnx.push_back(net.onnx(PriorNetModel::kind));
    check_engine(net, model->onnx.back(), train, request);
  }
  if (model->onnx.empty()) throw Error("stopped before there was a net");
  model->prepare(request.engine);
  return model;
}

std::unique_ptr<LatencyModel> fit_blend(const FitRequest& request) {
  auto model = std::make_unique<BlendModel>();
  const auto fit = [&](std::string_view name, std::string_view settings) {
    FitRequest own = request;
    own.settings = request.settings.only(settings);
    return trainer_of(name).fit(own);
  };
  model->trees = fit(BoostedModel::kind, "rounds");
  model->nets = fit(PriorNetModel::kind, "epochs seeds");
  const std::vector<LayerFacts>& layers = request.validation.layers;
  if (layers.empty()) return model;
  std::vector<double> by_trees(layers.size()), by_nets(layers.size());
  model->trees->predict(layers, request.hardware, by_trees);
  model->nets->predict(layers, request.hardware, by_nets);
  double best = mape_at(model->share, by_trees, by_nets, request.validation.us);
  for (int step = 0; step <= 20; ++step) {
    const double share = step / 20.0, mape = mape_at(share, by_trees, by_nets, request.validation.us);
    if (mape < best) {
      best = mape;
      model->share = share;
    }
  }
  return model;
}

}  // namespace raceline::train
