// The table of models: what a predictor file may hold, and `train --model` make.
#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/predict/latency_model.h"
#include "raceline/predict/models/blend_model.h"
#include "raceline/predict/models/boosted_model.h"
#include "raceline/predict/models/linear_prior.h"
#include "raceline/predict/models/mean_model.h"
#include "raceline/predict/models/net_model.h"
#include "raceline/predict/models/polynomial_model.h"
#include "raceline/predict/models/prior_net_model.h"
#include "raceline/predict/models/roofline_model.h"
#include "raceline/predict/models/svr_model.h"
#include "raceline/predict/models/transfer_model.h"
#include "raceline/predict/models/tree_model.h"

namespace raceline {
namespace {

template <class T>
std::unique_ptr<LatencyModel> empty() {
  return std::make_unique<T>();
}

std::unique_ptr<LatencyModel> empty_xgboost() {
  return std::make_unique<TreeModel>(TreeModel::xgboost_kind, FeatureSet::raw);
}

std::unique_ptr<LatencyModel> empty_forest() {
  return std::make_unique<TreeModel>(TreeModel::forest_kind, FeatureSet::counted);
}

std::unique_ptr<LatencyModel> empty_justus() {
  return std::make_unique<NetModel>(NetModel::justus_kind);
}

std::unique_ptr<LatencyModel> empty_perfnet() {
  return std::make_unique<NetModel>(NetModel::perfnet_kind);
}

std::unique_ptr<LatencyModel> empty_resperfnet() {
  return std::make_unique<NetModel>(NetModel::resperfnet_kind);
}

const std::array kinds{
    ModelKind{MeanModel::kind, "the mean of the training rows", empty<MeanModel>},
    ModelKind{RooflineModel::kind, "arithmetic and traffic at a percentage of the peaks (PALEO)",
              empty<RooflineModel>},
    ModelKind{LinearPrior::kind, "a sum of work at prices that are not negative: printable",
              empty<LinearPrior>},
    ModelKind{PolynomialModel::kind, "polynomial regression on the papers' features", empty<PolynomialModel>},
    ModelKind{SvrModel::kind, "support vector regression, radial basis, on the papers' features",
              empty<SvrModel>},
    ModelKind{TreeModel::xgboost_kind, "gradient boosting on the papers' features (ResPerfNet's table 1)",
              empty_xgboost},
    ModelKind{TreeModel::forest_kind, "a random forest in nn-Meter's recipe", empty_forest},
    ModelKind{NetModel::justus_kind, "the perceptron of Justus et al. on the papers' features", empty_justus},
    ModelKind{NetModel::perfnet_kind, "PerfNet and PerfNetRT: a perceptron, MAPLE", empty_perfnet},
    ModelKind{NetModel::resperfnet_kind, "ResPerfNet: 15 convolutions in six residual blocks, MAPLE",
              empty_resperfnet},
    ModelKind{BoostedModel::kind, "ours: the linear prior, and boosting on the log ratio to it",
              empty<BoostedModel>},
    ModelKind{PriorNetModel::kind, "ours: the linear prior, and residual nets on the log ratio to it",
              empty<PriorNetModel>},
    ModelKind{BlendModel::kind, "ours: boosted and resperfnet+, averaged on the logarithm",
              empty<BlendModel>},
    ModelKind{TransferModel::kind, "ours from a few dozen rows and predictors of other platforms (--from)",
              empty<TransferModel>},
};

}  // namespace

double plausible_us(double us) {
  constexpr double most_us = 1e15;
  return std::isnan(us) ? least_us : std::clamp(us, least_us, most_us);
}

std::span<const ModelKind> model_kinds() {
  return kinds;
}

const ModelKind& model_kind(std::string_view name) {
  std::vector<std::string> names;
  for (const ModelKind& kind : kinds) {
    if (kind.name == name) return kind;
    names.emplace_back(kind.name);
  }
  throw ParseError(fmt::format("'{}' is no model; the nearest are {}", name.substr(0, 80),
                               join(nearest(name.substr(0, 80), names), ", ")));
}

void visit_model(Archive& archive, std::string_view key, std::unique_ptr<LatencyModel>& model,
                 std::string_view type) {
  archive.object(key, [&](Archive& inner) {
    std::string name = archive.reading() ? "" : std::string(model->name());
    inner.field("model", name);
    if (archive.reading()) {
      try {
        model = model_kind(name).make();
      } catch (const ParseError& error) {
        inner.refuse("model", error.what());
      }
    }
    std::vector<std::string> columns = model->columns(type);
    const std::vector<std::string> known = columns;
    inner.field("columns", columns);
    if (columns != known) inner.refuse("columns", "these are not the columns that this version computes");
    model->visit(inner, type);
  });
}

std::unique_ptr<LatencyModel> copy_of(const LatencyModel& model, std::string_view type) {
  // visit() changes nothing when it writes.
  auto& source = const_cast<LatencyModel&>(model);
  const std::string text = write_archive([&](Archive& archive) { source.visit(archive, type); });
  std::unique_ptr<LatencyModel> copy = model_kind(model.name()).make();
  read_archive(text, "model", [&](Archive& archive) { copy->visit(archive, type); });
  return copy;
}

}  // namespace raceline
