// The nets of the papers: what they are, and the settings that they are published with.
#include "raceline/predict/models/net_model.h"
#include "train/torch/descent.h"

namespace raceline::train {
namespace {

NetRows rows_of(const Examples& examples, const NetModel& model, const Hardware& hardware) {
  std::vector<double> times;
  for (const double us : examples.us) times.push_back(us / model.unit_us);
  NetRows rows = net_rows(model.rows_of(examples.layers, hardware), times);
  rows.unit_us = model.unit_us;
  return rows;
}

std::unique_ptr<LatencyModel> fit_net(const FitRequest& request, std::string_view kind, Net net,
                                      const Recipe& recipe, double scalar, bool transformed) {
  auto model = std::make_unique<NetModel>(kind);
  model->unit_us = 1000 / scalar;
  Features rows = features_of(FeatureSet::raw, request.train.layers, request.hardware);
  if (transformed) {
    model->box_cox = BoxCox::fit(rows, box_cox_columns(request.type));
    model->box_cox.apply(rows);
  }
  model->z_score = ZScore::fit(rows);
  const NetRows train = rows_of(request.train, *model, request.hardware);
  descend(net, train, rows_of(request.validation, *model, request.hardware), recipe, request,
          rows_of(request.watched, *model, request.hardware));
  model->onnx = net.onnx(kind);
  check_engine(net, model->onnx, train, request);
  model->prepare(request.engine);
  return model;
}

int64_t width_of(const FitRequest& request) {
  return static_cast<int64_t>(feature_names(FeatureSet::raw, request.type).size());
}

/// The four layers that Justus et al. and PerfNet share.
Net perceptron(const FitRequest& request) {
  Net net(width_of(request));
  for (const int64_t neurons : {32, 64, 128, 256}) net.dense(neurons).relu();
  return net;
}

}  // namespace

// Justus et al. 2018, and their program: log(1 + time), squared; L2, dropout before the last layer, which has
// no bias, and a ReLU behind it; Adam with epsilon 0.1. Of its rates they publish none; these are PerfNet's.
std::unique_ptr<LatencyModel> fit_justus(const FitRequest& request) {
  Recipe recipe{.epochs = 300, .rate = 0.1, .l2 = 0.5e-5, .loss = "log-mse"};
  recipe.ask(request.settings);
  Net net = perceptron(request);
  net.dropout(request.settings.number("dropout", 0.2, 0, 0.99)).dense(1, false).relu();
  return fit_net(request, NetModel::justus_kind, std::move(net), recipe,
                 request.settings.number("scalar", 1, 1e-6, 1e6), false);
}

// PerfNetRT, section IV-C. Adam and its epsilon 0.1 are of the authors' code, as is the ReLU behind the
// output.
std::unique_ptr<LatencyModel> fit_perfnet(const FitRequest& request) {
  Recipe recipe;
  recipe.ask(request.settings);
  Net net = perceptron(request);
  net.dropout(request.settings.number("dropout", 0, 0, 0.99)).dense(1).relu();
  return fit_net(request, NetModel::perfnet_kind, std::move(net), recipe,
                 request.settings.number("scalar", 1, 1e-6, 1e6), false);
}

// ResPerfNet, figure 1 and algorithm 1. Epsilon and the ReLU behind the output are of the authors' code.
std::unique_ptr<LatencyModel> fit_resperfnet(const FitRequest& request) {
  Recipe recipe{.epochs = 200, .l2 = 0.1};
  recipe.ask(request.settings);
  Net net(width_of(request));
  for (const int64_t filters : {128, 64, 32}) {
    net.conv(filters).relu();
    for (int block = 0; block < 2; ++block)
      net.begin_residual().conv(filters).relu().conv(filters).end_residual().relu();
  }
  for (int layer = 0; layer < 3; ++layer) net.dense(128).relu();
  net.dropout(request.settings.number("dropout", 0.2, 0, 0.99)).dense(1).relu();
  return fit_net(request, NetModel::resperfnet_kind, std::move(net), recipe,
                 request.settings.number("scalar", 10, 1e-6, 1e6), request.settings.whole("box_cox", 1) != 0);
}

}  // namespace raceline::train
