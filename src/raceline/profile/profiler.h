// Measuring: every candidate of every layer, and every conversion, correct first and then timed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "raceline/device/devices.h"
#include "raceline/graph/graph.h"
#include "raceline/primitive/registry.h"
#include "raceline/profile/candidates.h"
#include "raceline/profile/cost_table.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/store.h"
#include "raceline/profile/timing_lock.h"

namespace raceline {

/// How to measure. Each number stands with its reason.
struct ProfileOptions {
  int threads = 1;
  bool pinned = false;
  /// Candidates less accurate than this are not offered; for 16-bit results the rounding of the type comes on
  /// top. A tenth of what float networks lose by the order of their sums, ten times what a good Winograd
  /// kernel errs.
  double max_error = 2e-5;
  MeasureOptions
      timing;  ///< rounds, batches, dropping, clock; order, limits and hooks are set by the profiler
  /// A candidate whose first run, that of its check, took longer than this many times its limit and
  /// first_run_grace_us is not timed further...
  double first_run_factor = 3;
  /// ...where the grace is more than the system takes a core away for, and than page faults cost.
  double first_run_grace_us = 50'000;
  /// A layer whose best primitive takes no longer than this on all threads is measured on one thread as well:
  /// opening a parallel region costs some microseconds, which larger layers win back...
  double single_below_us = 25;
  /// ...by those primitives that would be the best if their region cost this much.
  double region_us = 10;
  /// Work of an accelerator that is waited for at once: many times what waiting takes.
  double ahead_us = 300;
  /// Of packed weights held at a time, and never more than a quarter of the machine's memory: the candidates
  /// of a layer are timed in groups that stay about there.
  size_t weights_held_bytes = size_t{4} << 30;
  /// Budget of all measuring; 0: none. Every layer is run once by one primitive, even when it is over.
  double seconds = 0;
  /// Whether a layer (its key) by a primitive (its name) may be measured; empty: all may. Of the others only
  /// what the store knows counts.
  std::function<bool(const std::string& layer, const std::string& primitive)> wanted;
  uint64_t seed = 1;                                 ///< of data and of the order within rounds
  std::filesystem::path lock = default_timing_lock;  ///< held while anything is run; empty: none
  std::function<bool()> stop;  ///< asked between rounds; true ends the profile and keeps what was measured
  /// Called after each layer: done, all, what is measured now; also while another process is waited for.
  std::function<void(size_t, size_t, const std::string&)> progress;
};

/// What a profile did: counted, never silent.
struct ProfileReport {
  size_t layers = 0;      ///< distinct layers of the graph, fused alternatives and conversions included
  size_t candidates = 0;  ///< pairs of layer and primitive, twice where one thread may be better than all
  size_t from_store = 0;  ///< found, not measured again
  size_t measured = 0;
  size_t dropped = 0;  ///< of those measured: not timed to the end, as they cannot be in the best plan
  int rounds = 0;      ///< of timing, over all layers
  int disturbed = 0;   ///< of these: the machine ran slower than it can
  std::vector<std::string> failures;  ///< "layer: primitive: why"
  bool complete = true;               ///< false: stopped or out of budget, and the table lacks pairs
  double seconds = 0;
};

/// Fills the table with the costs of all candidates, and of those for which it may pay on one thread: from
/// the store where it has them (also when `stop` says true at once), else measured here and saved. Views and
/// layers without outputs' elements cost 0 and are not measured. A candidate that the store knows to have
/// been started and never finished is a failure. Throws IoError from the store and the lock.
ProfileReport profile(const CandidateSet& candidates, const PrimitiveRegistry& registry, Devices devices,
                      CostStore& store, const ProfileOptions& options, CostTable& table);

}  // namespace raceline
