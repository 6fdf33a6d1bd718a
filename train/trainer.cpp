// The table of trainers, and what they share.
#include "train/trainer.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/predict/models/linear_prior.h"
#include "raceline/predict/models/mean_model.h"
#include "raceline/predict/models/polynomial_model.h"
#include "raceline/predict/models/roofline_model.h"
#include "raceline/predict/models/transfer_model.h"

namespace raceline::train {
namespace {

// A library that the build lacks leaves its rows without a function.
#ifdef RACELINE_HAS_XGBOOST
#define WITH_XGBOOST(...) \
  Trainer {               \
    __VA_ARGS__           \
  }
#else
#define WITH_XGBOOST(kind, ...)                                                  \
  Trainer {                                                                      \
    .model = kind, .absent = "built without libxgboost (Debian: libxgboost-dev)" \
  }
#endif
#ifdef RACELINE_HAS_LIBSVM
#define WITH_LIBSVM(...) \
  Trainer {              \
    __VA_ARGS__          \
  }
#else
#define WITH_LIBSVM(kind, ...)                                           \
  Trainer {                                                              \
    .model = kind, .absent = "built without libsvm (Debian: libsvm-dev)" \
  }
#endif
#ifdef RACELINE_HAS_TORCH
#define WITH_TORCH(model, fit, settings) \
  Trainer {                              \
    model, fit, settings, true           \
  }
#else
#define WITH_TORCH(kind, ...)                                                \
  Trainer {                                                                  \
    .model = kind, .absent = "built without libtorch (Debian: libtorch-dev)" \
  }
#endif
#define NET_SETTINGS "epochs batch rate halve cycle epsilon l2 decay clip loss"

const std::array table{
    Trainer{"mean", fit_mean},
    Trainer{"roofline", fit_roofline},
    Trainer{"linear", fit_linear},
    Trainer{"polynomial", fit_polynomial, "degree ridge"},
    WITH_LIBSVM("svr", fit_svr, "c epsilon gamma"),
    WITH_XGBOOST("xgboost", fit_xgboost, "rounds rate depth"),
    WITH_XGBOOST("forest", fit_forest, "trees depth rows columns"),
    WITH_XGBOOST("boosted", fit_boosted, "rounds rate depth least rows columns loss slope bags"),
    WITH_TORCH("justus", fit_justus, NET_SETTINGS " dropout scalar"),
    WITH_TORCH("perfnet", fit_perfnet, NET_SETTINGS " dropout scalar"),
    WITH_TORCH("resperfnet", fit_resperfnet, NET_SETTINGS " dropout scalar box_cox"),
    WITH_TORCH("resperfnet+", fit_resperfnet_plus, NET_SETTINGS " neurons blocks seeds"),
    WITH_TORCH("blend", fit_blend, "rounds epochs seeds"),
    Trainer{"transfer", fit_transfer},
};

}  // namespace

void Examples::add(const LayerFacts& layer, double time_us) {
  layers.push_back(layer);
  us.push_back(time_us);
}

namespace {

template <class T>
T in_range(const std::string& name, T value, T least, T most) {
  // NaN is in no range.
  if (!(value >= least && value <= most))
    throw Error(fmt::format("--set {}={}: wanted {} to {}", name, value, least, most));
  return value;
}

}  // namespace

double Settings::number(const std::string& name, double otherwise, double least, double most) const {
  const std::string value = text(name, raceline::number(otherwise));
  return in_range(name, parse_double(value, "--set " + name), least, most);
}

int64_t Settings::whole(const std::string& name, int64_t otherwise, int64_t least, int64_t most) const {
  return in_range(name, parse_int(text(name, std::to_string(otherwise)), "--set " + name), least, most);
}

std::string Settings::text(const std::string& name, const std::string& otherwise) const {
  const auto found = values_.find(name);
  return found == values_.end() ? otherwise : found->second;
}

void Settings::check(std::string_view known) const {
  const std::vector<std::string_view> names = words(known);
  for (const auto& [name, value] : values_) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    throw Error(fmt::format("--set {}: this model has no such setting; it has {}", name,
                            names.empty() ? "none" : known));
  }
}

Settings Settings::only(std::string_view names) const {
  Settings some;
  for (const std::string_view name : words(names)) {
    if (const auto found = values_.find(std::string(name)); found != values_.end())
      some.values_.insert(*found);
  }
  return some;
}

std::string Settings::to_string() const {
  std::vector<std::string> parts;
  for (const auto& [name, value] : values_) parts.push_back(fmt::format("{}={}", name, value));
  return join(parts, " ");
}

std::span<const Trainer> trainers() {
  return table;
}

const Trainer& trainer_of(std::string_view model) {
  std::vector<std::string> names;
  for (const Trainer& trainer : table) {
    if (trainer.model == model) {
      if (trainer.fit == nullptr) throw Error(fmt::format("--model {}: {}", model, trainer.absent));
      return trainer;
    }
    names.emplace_back(trainer.model);
  }
  throw Error(fmt::format("--model {}: no such model; the nearest are {}", model.substr(0, 80),
                          join(nearest(model.substr(0, 80), names), ", ")));
}

std::unique_ptr<LatencyModel> fit_mean(const FitRequest& request) {
  return MeanModel::fit(request.train.us);
}

std::unique_ptr<LatencyModel> fit_roofline(const FitRequest& request) {
  return RooflineModel::fit(request.train.layers, request.train.us, request.hardware);
}

std::unique_ptr<LatencyModel> fit_polynomial(const FitRequest& request) {
  return PolynomialModel::fit(request.train.layers, request.train.us, request.hardware,
                              request.settings.whole("degree", 2, 1, 4),
                              request.settings.number("ridge", 1e-6, 0, 1e6));
}

std::unique_ptr<LatencyModel> fit_transfer(const FitRequest& request) {
  auto model = std::make_unique<TransferModel>();
  for (const Predictor& each : request.from) {
    const PredictorPart* part = each.find(request.type, request.phase);
    if (part == nullptr) {
      throw Error(fmt::format("--from: the predictor of {} on {} has no model of this", each.platform,
                              each.accelerator));
    }
    model->sources.push_back(
        {.name = fmt::format("{} on {} ({})", each.platform, each.accelerator, each.mode),
         .hardware = each.hardware,
         .model = copy_of(*part->model, request.type)});
  }
  if (model->sources.empty()) throw Error("--model transfer: wanted --from PREDICTOR, once or more");
  model->prepare(request.engine);  // sources may be nets
  model->fit(request.train.layers, request.train.us, request.seed, request.stop);
  return model;
}

std::unique_ptr<LatencyModel> fit_linear(const FitRequest& request) {
  return std::make_unique<LinearPrior>(
      LinearPrior::fit(request.train.layers, request.train.us, request.hardware));
}

}  // namespace raceline::train
