#include "raceline/report/prediction_study.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace raceline {
namespace {

// Seconds are rough, for one core, and serve the time left alone.
constexpr StudyRecipe recipes[] = {
    {"polynomial", "polynomial regression", "polynomial", "", "", 0.2, false},
    {"svr", "SVR, RBF", "svr", "", "", 8, false},
    {"xgboost", "XGBoost", "xgboost", "", "rounds=20", 1, false},
    {"perfnet", "PerfNet", "perfnet", "", "epochs=2", 4, true},
    {"resperfnet-published", "ResPerfNet, as published", "resperfnet", "", "epochs=2", 120, true},
    {"resperfnet", "ResPerfNet, l2=0", "resperfnet", "l2=0", "epochs=2", 120, true},
    {"resperfnet-plain", "ResPerfNet, l2=0, no Box-Cox", "resperfnet", "l2=0 box_cox=0", "epochs=2", 120,
     true},
    {"boosted", "Raceline's boosted", "boosted", "", "rounds=20", 4, false},
};

constexpr std::string_view perfnetrt_networks[] = {"perfnet", "boosted"};
constexpr std::string_view resperfnet_networks[] = {"perfnet", "resperfnet", "boosted"};
constexpr std::string_view perfnetrt_layers[] = {"perfnet", "polynomial", "boosted"};
constexpr std::string_view resperfnet_layers[] = {"resperfnet", "boosted"};
constexpr std::string_view approaches[] = {"polynomial",           "svr",        "xgboost", "perfnet",
                                           "resperfnet-published", "resperfnet", "boosted"};

}  // namespace

std::string_view to_string(PredictionPaper paper) {
  return paper == PredictionPaper::perfnetrt ? "perfnetrt" : "resperfnet";
}

PhaseModel definition_of(PredictionPaper paper) {
  return paper == PredictionPaper::perfnetrt ? PhaseModel::perfnetrt : PhaseModel::resperfnet;
}

bool is_paper_type(std::string_view type) {
  return std::ranges::find(paper_types, type) != std::end(paper_types);
}

const StudyRecipe& study_recipe(std::string_view name) {
  return *std::ranges::find(recipes, name, &StudyRecipe::name);
}

std::string StudySubject::name() const {
  return fmt::format("{} on {}{}{}", platform, accelerator.empty() ? "any" : accelerator,
                     mode == "unoptimised" && !is_judged ? ", unoptimised" : "",
                     threads > 1 ? fmt::format(", {} threads", threads) : "");
}

std::string StudySubject::name(const std::string& set) const {
  return set == set_test ? name() : fmt::format("{}, {}", name(), set);
}

bool StudySubject::is_tensorflow() const {
  return platform.starts_with("tensorflow");
}

const StudyNetwork::Estimate* StudyNetwork::predicted_by(std::string_view recipe) const {
  const auto found = predicted.find(std::string(recipe));
  return found == predicted.end() ? nullptr : &found->second;
}

size_t main_subject(const PredictionStudy& study) {
  const auto found = std::ranges::find_if(
      study.subjects, [](const StudySubject& each) { return each.is_there && each.is_judged; });
  return static_cast<size_t>(found - study.subjects.begin());
}

std::span<const std::string_view> approach_recipes() {
  return approaches;
}

std::span<const std::string_view> network_recipes(PredictionPaper paper) {
  return paper == PredictionPaper::perfnetrt ? std::span<const std::string_view>(perfnetrt_networks)
                                             : resperfnet_networks;
}

std::vector<StudyKey> wanted_cells(const PredictionStudy& study) {
  const bool is_resperfnet = study.paper == PredictionPaper::resperfnet;
  std::set<StudyKey> keys;
  const auto add_all = [&](size_t subject, std::span<const std::string_view> names) {
    for (const std::string_view name : names) {
      for (const std::string_view type : paper_types) {
        for (const Phase phase : all_phases) {
          for (const std::string& set : study.subjects[subject].sets)
            keys.insert({subject, std::string(name), std::string(type), phase, set});
        }
      }
    }
  };
  for (size_t subject = 0; subject < study.subjects.size(); ++subject) {
    if (!study.subjects[subject].is_judged) continue;
    add_all(subject, is_resperfnet ? std::span<const std::string_view>(resperfnet_layers) : perfnetrt_layers);
    if (study.subjects[subject].has_networks) add_all(subject, network_recipes(study.paper));
    if (!is_resperfnet) continue;
    for (const std::string_view name : approach_recipes()) {
      for (const std::string& set : study.subjects[subject].sets)
        keys.insert({subject, std::string(name), "conv", Phase::exe, set});
    }
  }
  if (const size_t first = main_subject(study); is_resperfnet && first < study.subjects.size())
    keys.insert({first, "resperfnet-plain", "conv", Phase::exe, study.subjects[first].sets.front()});
  return {keys.begin(), keys.end()};
}

}  // namespace raceline
