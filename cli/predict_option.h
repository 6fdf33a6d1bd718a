// --predict: costs that a predictor of primitives leaves undecided are measured, all others are not.
#pragma once
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "cli/json.h"
#include "cli/workbench.h"
#include "raceline/predict/predictor.h"
#include "raceline/tune/measure_costs.h"
#include "raceline/tune/measure_undecided.h"

namespace raceline::cli {

class PredictOption {
 public:
  /// --predict and what belongs to it. `check`: --predict-check too, for commands that measure.
  void add_to(CLI::App& app, bool check);
  bool is_given() const { return !name_.empty(); }
  /// Reads the predictor, whose nets run on the bench, which must outlive this. Throws Error for one that is
  /// not by primitive.
  void open(Workbench& bench);

  /// What fills a table with as little measuring as the predictor allows. Must not outlive this.
  MeasureCosts measure(const std::function<void(const std::string&)>& say);
  /// The same on costs that the store has: answers without measuring, to see what would be saved and lost.
  MeasureCosts rehearse();

  /// What the last measuring saved and lost, a line or two for people.
  std::string text() const;
  Json json() const;

 private:
  CostIntervals intervals(const CandidateSet& candidates, const RunScene& scene,
                          const ProfileOptions& options) const;
  UndecidedOptions options(const std::function<void(const std::string&)>& say) const;
  void compare(const CandidateSet& candidates, const RunScene& scene, const CostTable& full);

  std::string name_;
  double level_percent_ = 50, within_percent_ = 1, share_percent_ = 25;
  int least_ = 100;
  bool check_ = false;
  std::optional<Predictor> predictor_;
  UndecidedReport decision_;
  std::optional<double> full_us_;  ///< the optimum when everything is measured
};

}  // namespace raceline::cli
