#include "cli/predict_option.h"

#include <fmt/format.h>

#include "cli/predictors.h"
#include "raceline/base/error.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/predict/predict_costs.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/profile/layer_entry.h"
#include "raceline/search/build_problem.h"
#include "raceline/tune/profile_undecided.h"

namespace raceline::cli {
namespace {

/// What a table has of a pair, on all threads and on one.
void copy_pair(const CostTable& from, const CostTable::Key& pair, CostTable& to) {
  for (const int threads : {0, 1}) {
    const std::string name = on_threads(pair.second, threads);
    if (const auto cost = from.find(pair.first, name)) to.set(pair.first, name, *cost);
    const std::string_view why = from.failure(pair.first, name);
    if (!why.empty()) to.set_failure(pair.first, name, std::string(why));
  }
}

}  // namespace

void PredictOption::add_to(CLI::App& app, bool check) {
  auto* predict =
      app.add_option("--predict", name_, "A predictor of primitives: measure only what it leaves undecided")
          ->type_name("PREDICTOR")
          ->excludes("--protocol");
  app.add_option("--predict-level", level_percent_,
                 "Of its intervals, in percent: the higher, the more is measured")
      ->needs(predict)
      ->check(CLI::Range(0.0, 99.9))
      ->capture_default_str();
  app.add_option("--predict-within", within_percent_,
                 "Measure no more once the plan is at most so many percent above what intervals allow")
      ->needs(predict)
      ->check(CLI::Range(0.0, 1000.0))
      ->capture_default_str();
  app.add_option("--predict-share", share_percent_,
                 "Of the pairs of layer and primitive, so many percent are measured at most")
      ->needs(predict)
      ->check(CLI::Range(0.0, 100.0))
      ->capture_default_str();
  app.add_option("--predict-least", least_,
                 "While fewer pairs were measured, intervals that decided all are made wider")
      ->needs(predict)
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  if (!check) return;
  app.add_flag("--predict-check", check_, "Measure all else in the end, and say what the prediction lost")
      ->needs(predict);
}

void PredictOption::open(Workbench& bench) {
  predictor_ = open_predictor(name_, bench);
  for (const PredictorPart& part : predictor_->parts) {
    if (!part.primitive.empty() && part.phase == Phase::exe) return;
  }
  throw Error(
      fmt::format("--predict '{}': it knows no primitives; wanted is a predictor that was trained on "
                  "`raceline dataset export --costs`",
                  name_));
}

CostIntervals PredictOption::intervals(const CandidateSet& candidates, const RunScene& scene,
                                       const ProfileOptions& options) const {
  if (predictor_->threads != options.threads || predictor_->accelerator != scene.conditions.host) {
    fmt::print(stderr,
               "the predictor is of {} threads on {}, this is {} threads on {}: its intervals may not hold\n",
               predictor_->threads, printable(predictor_->accelerator), options.threads,
               scene.conditions.host);
  }
  return predict_costs(candidates, *predictor_, level_percent_ / 100);
}

UndecidedOptions PredictOption::options(const std::function<void(const std::string&)>& say) const {
  return {.tolerance = within_percent_ / 100,
          .most_share = share_percent_ / 100,
          .least_asked = static_cast<size_t>(least_),
          .search = {},
          .say = say};
}

void PredictOption::compare(const CandidateSet& candidates, const RunScene& scene, const CostTable& full) {
  full_us_ = make_strategy("exact")->search(build_problem(scene.graph, candidates, full).problem, {}).cost_us;
}

MeasureCosts PredictOption::measure(const std::function<void(const std::string&)>& say) {
  return [this, say](const CandidateSet& candidates, const RunScene& scene,
                     const ProfileOptions& profile_options, CostTable& table) {
    full_us_.reset();
    const CostIntervals predicted = intervals(candidates, scene, profile_options);
    ProfileReport report =
        profile_undecided(candidates, scene, predicted, options(say), profile_options, table, decision_);
    if (check_ && decision_.decided) {
      say("measuring all else, for comparison");
      CostTable full;
      if (profile(candidates, scene.registry, scene.devices, scene.store, profile_options, full).complete)
        compare(candidates, scene, full);
    }
    return report;
  };
}

MeasureCosts PredictOption::rehearse() {
  return [this](const CandidateSet& candidates, const RunScene& scene, const ProfileOptions& profile_options,
                CostTable& table) {
    CostTable full;
    ProfileReport report =
        profile(candidates, scene.registry, scene.devices, scene.store, profile_options, full);
    for (const auto& [key, layer] : candidates.layers()) {
      for (const Candidate& candidate : layer.candidates) {
        if (is_free(*candidate.primitive, layer.layer))
          copy_pair(full, {key, candidate.primitive->name()}, table);
      }
    }
    const auto look_up = [&](const Pairs& pairs, CostTable& known) {
      for (const CostTable::Key& pair : pairs) copy_pair(full, pair, known);
    };
    decision_ = measure_undecided(scene.graph, candidates, intervals(candidates, scene, profile_options),
                                  look_up, options({}), table);
    compare(candidates, scene, full);
    return report;
  };
}

std::string PredictOption::text() const {
  const UndecidedReport& d = decision_;
  std::string text = fmt::format(
      "prediction: of {} pairs of layer and primitive {} were known, {} were measured in {} rounds ({:.1f} % "
      "of the "
      "others; {} had no prediction){}\nthe best plan of these costs {}; none costs less than {} if all "
      "intervals hold\n",
      d.pairs, d.known, d.asked, d.rounds, 100 * d.asked_share(), d.unpredicted,
      !d.decided ? ", and then it was stopped"
      : d.spent  ? ", which is all that --predict-share allows"
                 : "",
      human_us(d.cost_us), human_us(d.bound_us));
  if (full_us_) {
    text += fmt::format("the best plan when everything is measured costs {}: the prediction lost {:.2f} %\n",
                        human_us(*full_us_), 100 * (d.cost_us / *full_us_ - 1));
  }
  return text;
}

Json PredictOption::json() const {
  const UndecidedReport& d = decision_;
  Json json{{"predictor", name_},
            {"level_percent", level_percent_},
            {"pairs", d.pairs},
            {"known", d.known},
            {"unpredicted", d.unpredicted},
            {"measured", d.asked},
            {"measured_percent", 100 * d.asked_share()},
            {"rounds", d.rounds},
            {"decided", d.decided},
            {"spent", d.spent},
            {"width", d.width},
            {"cost_us", d.cost_us},
            {"bound_us", d.bound_us}};
  if (full_us_) {
    json["full_us"] = *full_us_;
    json["lost_percent"] = 100 * (d.cost_us / *full_us_ - 1);
  }
  return json;
}

}  // namespace raceline::cli
