// The loop: measure what is missing, search, race the best plans whole, keep one.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "raceline/profile/profiler.h"
#include "raceline/search/build_problem.h"

namespace raceline {

struct TuneOptions {
  ProfileOptions profile;
  PrimitiveFilter filter;
  SearchOptions search;
  std::string strategy = "exact";
  int race_rounds = 15;         ///< paired runs of the whole network by each contender
  double race_seconds = 20;     ///< limit of the race; at least 5 rounds are run
  std::function<void(const std::string&)> say;  ///< a line for people, as each stage begins
};

/// A plan that took part in the race.
struct Contender {
  std::string name;         ///< "optimum", "greedy", "best single library (onednn)", "reference"
  Plan plan;
  double measured_us = 0;   ///< 10th percentile of whole runs
  double median_us = 0;
  /// time(this) / time(optimum): median of the paired ratios and its 95 % confidence interval.
  double ratio = 1, ratio_low = 1, ratio_high = 1;
};

struct TuneResult {
  Plan plan;                ///< the winner's
  size_t winner = 0;        ///< index into contenders
  std::vector<Contender> contenders;  ///< the optimum first, the reference last
  ProfileReport profile;
  SearchAnswer answer;
  double layers_us = 0, conversions_us = 0;  ///< of the winner's plan, as predicted
  size_t arena_bytes = 0, packed_bytes = 0;
  bool stopped = false;     ///< interrupted before the race ended: the plan is the optimum of what is known
};

/// Tunes a graph. The search's answer stays the winner unless the confidence interval of a rival's paired ratio
/// lies wholly below 1. `inputs` are used for the race. Throws what profile, search and Session throw.
TuneResult tune(Graph& graph, const PrimitiveRegistry& registry, Device& device, CostStore& store,
                std::span<const TensorView> inputs, const TuneOptions& options);

}  // namespace raceline
