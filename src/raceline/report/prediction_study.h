// The evaluations of PerfNetRT and ResPerfNet made again on the platforms at hand: what is trained for them,
// and what came of it. A value that tables and figures are made of (prediction_tables.h).
#pragma once
#include <compare>
#include <cstdint>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "raceline/dataset/splits.h"
#include "raceline/predict/accuracy.h"
#include "raceline/predict/phase.h"

namespace raceline {

enum class PredictionPaper : uint8_t { perfnetrt, resperfnet };
std::string_view to_string(PredictionPaper paper);
/// Whose phases a paper's tables are of.
PhaseModel definition_of(PredictionPaper paper);

/// The papers' layer types, in the order of their tables.
inline constexpr std::string_view paper_types[] = {"conv", "max_pool", "dense"};
bool is_paper_type(std::string_view type);

/// An approach of the papers' tables: a model of `train --model` with settings.
struct StudyRecipe {
  std::string_view name;   ///< "resperfnet"
  std::string_view title;  ///< "ResPerfNet, l2=0"
  std::string_view model;
  std::string_view settings;     ///< of --set, with blanks between
  std::string_view quick;        ///< the setting that makes it short; empty: it is
  double seconds_per_1000_rows;  ///< roughly, to train; for the time left
  bool has_epochs = false;       ///< errors of every epoch are kept: figure 2
};
/// `name` is of one that there is.
const StudyRecipe& study_recipe(std::string_view name);

/// A platform with what was measured on it; or one that nobody measured yet.
struct StudySubject {
  std::string platform, accelerator, mode;
  int threads = 0;            ///< 0: not known
  bool is_there = true;       ///< rows of layers were found
  bool is_judged = true;      ///< false: unoptimised beside optimised; its networks' times are shown alone
  bool has_networks = false;  ///< whole networks were measured on it
  std::string how;            ///< the command that would measure it; empty where nobody can
  std::vector<std::string> sets{set_test};  ///< of rows that judge, each by itself; one at least

  std::string name() const;  ///< "tensorflow-1.10 on GTX1080Ti"
  /// With the set, where that is a frozen one: "openvino on cpu, test-uniform".
  std::string name(const std::string& set) const;
  bool is_tensorflow() const;  ///< of any version; the papers' other framework optimises a model first
};

/// One approach on the layers of one type, in one phase, judged by one set.
struct StudyKey {
  size_t subject = 0;
  std::string recipe, type;
  Phase phase = Phase::exe;
  std::string set = set_test;
  friend auto operator<=>(const StudyKey&, const StudyKey&) = default;
};

struct StudyCell {
  std::string reason;  ///< why there is no figure; empty: there is one
  std::string how;     ///< the command that would help; may be empty
  Accuracy accuracy;   ///< on test rows
  double noise_percent = std::numeric_limits<double>::quiet_NaN();  ///< what a repeated measurement errs
  std::vector<double> measured_us, predicted_us;                    ///< of each test row
};

/// Of one epoch of a training; NaN where they are not known.
struct EpochErrors {
  int64_t epoch = 0;
  double training_percent = 0, test_percent = 0, training_rmse_ms = 0, test_rmse_ms = 0;
};

/// A whole network at one batch on one subject. Times that are not known are NaN, each with its reason.
struct StudyNetwork {
  struct Estimate {
    double us = std::numeric_limits<double>::quiet_NaN();
    std::string reason;
    size_t layers_without_model = 0;
    double flops_without_model_percent = 0;
  };
  size_t subject = 0;
  std::string network;
  int64_t batch = 1;
  double measured_us = std::numeric_limits<double>::quiet_NaN();
  double unoptimised_us = std::numeric_limits<double>::quiet_NaN();
  std::string how;                            ///< the command that would measure it
  Estimate oracle;                            ///< the sum of measured layers
  std::map<std::string, Estimate> predicted;  ///< by recipe: the sum of predicted layers
  Estimate calibrated;  ///< boosted's, by what was calibrated on the subject's other networks

  /// Null where the recipe predicted nothing.
  const Estimate* predicted_by(std::string_view recipe) const;
};

/// A step of a network of batch 1, as PerfNetRT's figure 2 has it.
struct StudyStep {
  size_t subject = 0;
  std::string name;   ///< "pre", "conv 1", ..., "post", "total"
  std::string layer;  ///< of the network
  double predicted_us = std::numeric_limits<double>::quiet_NaN();
  double measured_us = std::numeric_limits<double>::quiet_NaN();
};

struct PredictionStudy {
  PredictionPaper paper = PredictionPaper::resperfnet;
  std::string machine;  ///< for people
  int64_t rows = 0;     ///< at most, to train on, of each type and phase
  uint64_t seed = 1;
  bool quick = false;
  std::vector<std::string> networks;  ///< names
  std::vector<StudySubject> subjects;
  std::map<StudyKey, StudyCell> cells;
  std::map<std::pair<size_t, std::string>, std::vector<EpochErrors>>
      epochs;  ///< by subject and recipe: conv exe
  std::vector<StudyNetwork> network_rows;
  std::vector<StudyStep> steps;
  std::vector<std::string> compositions;  ///< calibrated on all networks of a subject, a line each
  size_t trained = 0, kept = 0;           ///< predictors: made now, and found
};

/// The subject of ResPerfNet's figure 2: the first whose layers were measured; the number of subjects if
/// there is none.
size_t main_subject(const PredictionStudy& study);

/// Recipes of ResPerfNet's table 1, in its order.
std::span<const std::string_view> approach_recipes();

/// Recipes of whole networks.
std::span<const std::string_view> network_recipes(PredictionPaper paper);

/// All cells that the paper's tables and figures are made of, each once; of judged subjects, there or not.
std::vector<StudyKey> wanted_cells(const PredictionStudy& study);

}  // namespace raceline
