// How a model is fitted: what a trainer is given, and the table of them. Only raceline-train holds this, and
// with it the libraries that training needs.
#pragma once
#include <filesystem>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/predict/predictor.h"

namespace raceline::train {

/// Layers of one type with the time that each took in one phase.
struct Examples {
  std::vector<LayerFacts> layers;
  std::vector<double> us;

  size_t size() const { return us.size(); }
  void add(const LayerFacts& layer, double time_us);
};

/// --set NAME=VALUE. Trainers ask for the settings that their row names, with what they are by default.
class Settings {
 public:
  Settings() = default;
  explicit Settings(std::map<std::string, std::string> values) : values_(std::move(values)) {}
  /// Throws ParseError for a value that is no number, and Error for one that is not from `least` to `most`.
  double number(const std::string& name, double otherwise, double least = -infinite,
                double most = infinite) const;
  int64_t whole(const std::string& name, int64_t otherwise,
                int64_t least = std::numeric_limits<int64_t>::min(),
                int64_t most = std::numeric_limits<int64_t>::max()) const;
  std::string text(const std::string& name, const std::string& otherwise) const;
  /// Throws Error for a setting that is not among these words.
  void check(std::string_view known) const;
  /// Those of these words that were given.
  Settings only(std::string_view names) const;
  /// "depth=7 rounds=900": those that were given.
  std::string to_string() const;

 private:
  static constexpr double infinite = std::numeric_limits<double>::infinity();
  std::map<std::string, std::string> values_;
};

/// How far a fit is: steps of all, and errors (MAPE in percent) where they are known. Of several checkpoints
/// the best by the validation error is kept.
struct FitProgress {
  size_t done = 0, all = 0;
  double training_error = std::numeric_limits<double>::quiet_NaN();
  double validation_error = std::numeric_limits<double>::quiet_NaN();
  double best_error = std::numeric_limits<double>::quiet_NaN();  ///< of the step `best`
  size_t best = 0;                                               ///< 0: there is none
};

/// How to fit: what all fits of a part share.
struct FitContext {
  const Hardware& hardware;
  Settings settings;
  std::string type;
  Phase phase = Phase::exe;
  uint64_t seed = 1;
  std::span<const Predictor> from;        ///< of --from: what is known of other platforms
  Engine engine = {};                     ///< runs nets
  std::filesystem::path checkpoint = {};  ///< where nets keep the errors of every epoch; empty: nowhere
  std::function<void(const FitProgress&)> report = [](const FitProgress&) {};
  std::function<bool()> stop = [] {
    return false;
  };  ///< asked now and then; true ends the fit with what it has
};

struct FitRequest : FitContext {
  const Examples& train;
  const Examples& validation;  ///< chooses among checkpoints, and is never fitted to; may be empty
  const Examples& watched;     ///< the errors on it are kept with a checkpoint; nothing depends on them
};

/// A row of the table: how the model of that name is fitted.
struct Trainer {
  std::string_view model;
  /// Throws Error when the rows allow no fit.
  std::unique_ptr<LatencyModel> (*fit)(const FitRequest&) = nullptr;
  std::string_view settings = {};   ///< names of what --set changes
  bool chooses_checkpoint = false;  ///< fits to `train` and looks at `validation`; others know no validation
  std::string_view absent = {};     ///< not empty: why it cannot fit in this build
};

std::span<const Trainer> trainers();
/// Throws Error for a model without trainer (naming the nearest) and for one that is absent in this build.
const Trainer& trainer_of(std::string_view model);

// The trainers, each in a file of its own.
std::unique_ptr<LatencyModel> fit_mean(const FitRequest& request);
std::unique_ptr<LatencyModel> fit_roofline(const FitRequest& request);
std::unique_ptr<LatencyModel> fit_linear(const FitRequest& request);
std::unique_ptr<LatencyModel> fit_transfer(const FitRequest& request);
std::unique_ptr<LatencyModel> fit_polynomial(const FitRequest& request);
std::unique_ptr<LatencyModel> fit_svr(const FitRequest& request);              // libsvm/
std::unique_ptr<LatencyModel> fit_xgboost(const FitRequest& request);          // xgboost/
std::unique_ptr<LatencyModel> fit_forest(const FitRequest& request);           // xgboost/
std::unique_ptr<LatencyModel> fit_boosted(const FitRequest& request);          // xgboost/
std::unique_ptr<LatencyModel> fit_justus(const FitRequest& request);           // torch/
std::unique_ptr<LatencyModel> fit_perfnet(const FitRequest& request);          // torch/
std::unique_ptr<LatencyModel> fit_resperfnet(const FitRequest& request);       // torch/
std::unique_ptr<LatencyModel> fit_resperfnet_plus(const FitRequest& request);  // torch/
std::unique_ptr<LatencyModel> fit_blend(const FitRequest& request);            // torch/, with boosted's

}  // namespace raceline::train
