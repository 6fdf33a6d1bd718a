// The loop: measure what is missing, search, race the best plans whole, keep one.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "raceline/profile/profiler.h"
#include "raceline/search/build_problem.h"
#include "raceline/search/limited_search.h"
#include "raceline/tune/measure_costs.h"

namespace raceline {

struct TuneOptions {
  ProfileOptions
      profile;  ///< its `seconds` bound the whole tune: profiling takes three quarters of them at most
  MeasureCosts measure;  ///< in place of profile(); may be empty
  PrimitiveFilter filter;
  SearchOptions search;
  std::string strategy = "exact";
  PlanLimits
      limits;  ///< with any, the plan is the search's answer on the layers' costs, and nothing is raced
  bool correct = true;  ///< learn from whole runs what layers take inside the network
  /// Enter the best single library, greedy and the reference: not where most costs were left out (--predict).
  bool baselines = true;
  bool race_again = false;   ///< race also what the store has a result of
  int race_rounds = 30;      ///< paired whole runs: enough for a confidence interval of a few percent
  double race_seconds = 15;  ///< no new round begins after this long; at least 5 are run
  std::function<void(const std::string&)> say;  ///< a line for people as each stage begins; may be empty
};

/// A plan that took part in the race.
struct RaceEntry {
  std::string name;  ///< "optimum" (or the strategy's name), "optimum before correction", "runner-up 1",
                     ///< "best single library (onednn)", "greedy", "reference"; of two devices "cpu alone",
                     ///< "opencl alone"
  Plan plan;
  double predicted_us = 0;  ///< 0 for the reference
  double measured_us = 0;   ///< 10th percentile of whole runs; 0 when there was no race
  double median_us = 0;
  int runs = 0;  ///< whole runs behind these
  /// time(this) / time(first entry): median of the paired ratios with its 95 % confidence interval.
  double ratio = 1, ratio_low = 1, ratio_high = 1;
};

struct TuneResult {
  Plan plan;          ///< of the winner
  size_t winner = 0;  ///< index into entries
  /// The search's answer first, the reference (of baselines) last: not measured where its layers' sum is
  /// long.
  std::vector<RaceEntry> entries;
  ProfileReport profile;
  LimitedSearch limited;                          ///< under limits: the search, with the memory and the price
  SearchAnswer answer;                            ///< on the corrected costs
  int solves = 0;                                 ///< of the correction; 0: there was none
  size_t corrected_plans = 0, corrected_now = 0;  ///< run whole for the correction; of these not in the store
  bool settled = false;                           ///< the optimum stopped changing
  /// Of the winner: as predicted from its layers by themselves (without dispatch, of which these know
  /// nothing), from what was learned inside, and as measured by fresh runs that took no part in the
  /// correction.
  TimeSplit before, after, measured;
  /// Of the winner run again and again by itself, untimed and fresh: 10th percentile. 0: not run.
  double whole_us = 0;
  std::vector<double> step_us;  ///< of the winner: each step inside fresh runs, in Session order
  /// False: stopped while measuring, and there is no plan; the store keeps what was measured.
  bool complete = false;
  bool raced = false;      ///< false: stopped before or in the race; the plan is the search's answer
  bool race_kept = false;  ///< the race's results were in the store
};

/// Tunes a graph. The search's answer stays the winner unless the confidence interval of a rival's paired
/// ratio lies wholly below 1. An accelerator that fails on the way is said, and the tune goes on without it.
/// `inputs` are used for the race; plan.model, shapes and the passes are the caller's to fill. Throws what
/// profile, search and Session throw.
TuneResult tune(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
                std::span<const TensorView> inputs, const TuneOptions& options);

}  // namespace raceline
