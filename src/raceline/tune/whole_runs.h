// Whole runs of plans, with the time of each step: taken in turn, kept in the store and found there again.
#pragma once
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "raceline/device/devices.h"
#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"
#include "raceline/profile/cost_table.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/profiler.h"
#include "raceline/profile/store.h"
#include "raceline/runtime/plan.h"
#include "raceline/runtime/session.h"

namespace raceline {

/// What a plan runs, where, on how many threads, and by which revisions: 16 digits. Plans of one signature
/// take the same time under the same conditions.
std::string plan_signature(const Plan& plan, const PrimitiveRegistry& registry);

/// Why whole runs were timed: RunKey::protocol.
namespace protocol {
inline constexpr const char* correct =
    "correct";                                 ///< to learn what steps take inside; costs are made of these
inline constexpr const char* check = "check";  ///< to compare with: part of no cost
inline constexpr const char* alone = "alone";  ///< a baseline by itself
inline constexpr const char* paper = "paper";  ///< phase 1 of QS-DNN: see paper_protocol.h
/// In turn with another plan: for each take two rows, its own samples and the other's.
std::string race_against(const std::string& signature);
}  // namespace protocol

/// Under what runs of this graph are kept.
struct RunConditions {
  std::string graph;   ///< Graph::key()
  std::string device;  ///< Devices::fingerprint()
  std::string host;    ///< the host's alone
  int threads = 1;
  bool pinned = false;
  RunKey key(const std::string& plan, const std::string& protocol) const {
    return {graph, plan, protocol, device, threads, pinned};
  }
  static RunConditions of(const Graph& graph, const Devices& devices, const ProfileOptions& profile) {
    return {graph.key(), devices.fingerprint(), devices.host().fingerprint(), profile.threads,
            profile.pinned};
  }
  /// Writes into a plan what it was made for.
  void stamp(Plan& plan) const {
    plan.threads = threads;
    plan.machine = plan.needs_accelerator() ? device : host;
  }
};

/// What whole runs are made with. The references must outlive it.
struct RunScene {
  Graph& graph;
  const PrimitiveRegistry& registry;
  Devices devices;
  CostStore& store;
  RunConditions conditions;
  std::span<const TensorView> inputs;
};

/// Rows without samples: the whole, then each step in the session's order, with the place, layer and revision
/// by which a CostTable knows it. Copies of outputs have no layer.
std::vector<RunRow> rows_of(const Session& session, const Plan& plan, const Graph& graph,
                            const PrimitiveRegistry& registry);

/// Where the time of a run goes, or is said to go.
struct TimeSplit {
  double kernels_us = 0, conversions_us = 0;
  double dispatch_us = 0;  ///< of the whole, beyond its steps: calls, clock readings, copies of outputs
  double whole_us() const { return kernels_us + conversions_us + dispatch_us; }
};

/// The layers of a plan and the primitives that compute them, conversions last, as a CostTable knows them.
std::vector<CostTable::Key> pairs_of(const Plan& plan, const Graph& graph);

/// What the layers of a plan cost by themselves; dispatch, of which they know nothing, is 0. Where the table
/// has no cost it counts as 0.
TimeSplit alone_split(const Plan& plan, const Graph& graph, const CostTable& costs);
/// Whether the table has a cost of each layer of the plan.
bool has_costs_of(const Plan& plan, const Graph& graph, const CostTable& costs);

/// What the runs of one plan say. The typical run is the mean of the fifth that was fastest as a whole: its
/// middle is the 10th percentile of the whole, and unlike percentiles of each step its parts add up.
struct RunSplit : TimeSplit {
  std::vector<double> step_us;  ///< one a step
};
/// rows as of rows_of(), with samples. Throws Error when they do not fit together.
RunSplit split_of(std::span<const RunRow> rows);

/// Runs of a session with the time of each step, gathered sample by sample while measure() times the whole.
class StepRecorder {
 public:
  /// rows: of rows_of() for the session, which must outlive this.
  StepRecorder(Session& session, std::vector<RunRow> rows);
  /// One more run of the sample at hand.
  void run(std::span<const TensorView> inputs, std::span<const TensorView> outputs);
  /// The sample is whole: the mean of its runs is kept. Does nothing where there were none.
  void end_sample();
  /// All runs so far belong to no sample: they warmed up.
  void forget();
  /// The rows with all samples; whole_us are those of the whole.
  std::vector<RunRow> finish(const std::vector<double>& whole_us);

 private:
  Session* session_;
  std::vector<RunRow> rows_;
  std::vector<double> last_us_, sums_us_;
  int calls_ = 0;
};

/// Runs of a session by itself, timed by step: rows as of rows_of(), with samples; none when stopped before
/// the first. A step that fails throws, as in Session::run(). The caller holds the TimingLock.
std::vector<RunRow> time_steps(Session& session, std::vector<RunRow> rows, std::span<const TensorView> inputs,
                               std::span<const TensorView> outputs, Queue& queue, Sentinel& sentinel,
                               MeasureOptions options);

/// How many plans of the graph can be ready to run at once within a third of the machine's memory; 2 at
/// least.
size_t plans_at_a_time(const Graph& graph);

struct WholeRunOptions {
  int rounds = 20;
  double seconds = 0.8;  ///< for each plan: no new round begins when all have had as long; at least 5 are run
  uint64_t seed = 1;
  std::function<bool()> stop;
};

/// Runs the plans in turn, timing each step. The rows of each plan; none when stopped before 5 rounds. The
/// caller holds the TimingLock.
std::vector<std::vector<RunRow>> time_whole_runs(std::span<const Plan> plans, const RunScene& scene,
                                                 const WholeRunOptions& options);

/// Whole runs of one plan by itself, untimed by step, in microseconds (protocol::alone): from the store, or
/// run now and kept there. `may_run` is asked before the first run, and takes the TimingLock; empty when it
/// says no or when stopped. known_us: of a plan so slow that no run is spent on warming up, else 0.
std::vector<double> time_alone(const Plan& plan, const RunScene& scene, double known_us,
                               const MeasureOptions& options, const std::function<bool()>& may_run);

}  // namespace raceline
