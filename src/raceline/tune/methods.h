// The methods of QS-DNN's Table II on one graph: what each chooses on the same costs, and how long its plan
// takes as a whole.
#pragma once
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "raceline/profile/paired_ratio.h"
#include "raceline/tune/tuner.h"

namespace raceline {

enum class Method : uint8_t {
  vanilla,      ///< the reference everywhere
  single_type,  ///< a library's best primitive type wherever it can, vanilla elsewhere: the paper's row
  library,      ///< a library's best primitive for each layer, the fastest of any for what it lacks
  processor,    ///< all on one device, the fastest of any for what it lacks; where two take part
  random,       ///< RS
  q_learning,   ///< QS-DNN
  greedy,
  optimum,  ///< proven, on the same costs
  tuned,    ///< what `tune` gives: corrected by whole runs, and raced
};

/// A method on a graph. run.name says which, for people; run.measured_us is 0 where nothing was run.
struct MethodRun {
  Method method = Method::vanilla;
  std::string library;  ///< of single_type and library; of processor, the device
  std::string note;     ///< of single_type: the type
  RaceEntry run;        ///< predicted_us: the table's sum; ratios against the first of MethodRuns::runs
};

struct MethodOptions {
  ProfileOptions profile;
  MeasureCosts measure;     ///< in place of profile(); may be empty
  SearchOptions search;     ///< of `random` and `q-learning`: seed and episodes
  bool tune = false;        ///< enter the tuned plan, first
  int race_rounds = 20;     ///< of paired whole runs; 5 at least where they take long
  double race_seconds = 6;  ///< no new round begins after this long
  int slow_runs = 3;        ///< of plans too slow for the race, by themselves
  /// Slower than this many times the first plan, and than `slow_us`: too slow for the race.
  double slow_factor = 20;
  double slow_us = 50'000;
  std::function<void(const std::string&)> say;  ///< a line for people as each stage begins; may be empty
};

struct MethodRuns {
  GraphProblem built;           ///< on the costs of layers by themselves
  std::vector<MethodRun> runs;  ///< the first is what the others were compared with
  TuneResult tuned;             ///< where asked for
  ProfileReport profile;
  double optimum_us = 0;  ///< proven, on the costs
  /// time(best single library) / time(QS-DNN) of paired runs: how many times as fast QS-DNN is. By the
  /// paper's rows and by the strict rows; indices into runs, -1 where there is none.
  int best_type = -1, best_library = -1;
  PairedRatio over_best_type, over_best_library;
  bool complete = false;  ///< false: stopped; what was measured is in the store
};

/// Measures what the store lacks: costs, then whole runs. Throws what profile, tune and Session throw.
MethodRuns run_methods(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
                       std::span<const TensorView> inputs, const MethodOptions& options);

}  // namespace raceline
