// Collecting: a worker measures layers, one after the other, in rounds; the store gets each sample at once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "raceline/dataset/calm.h"
#include "raceline/dataset/worker_client.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/sample_store.h"
#include "raceline/profile/timing_lock.h"

namespace raceline {

/// Something to be measured: a layer, or a whole model.
struct CollectItem {
  std::string name;    ///< LayerDesc::key(), model_name() or LayerPair::name()
  std::string origin;  ///< set and group: "train/prior:resnet50"
  /// Writes the files of a whole model or a pair to a folder when its turn comes; empty for a layer.
  std::function<ModelRequest(const std::filesystem::path& folder)> write;
};

struct CollectOptions {
  std::vector<std::string> command;  ///< of the worker
  ChildProcess::Options place;       ///< its cores, log, environment
  std::string mode = "optimised";
  int threads = 1;
  int sentinel_threads = 1;  ///< cores that it watches; where the worker runs
  std::string device;        ///< fingerprint of the machine that is measured
  std::string machine;       ///< facts for people
  std::string what;          ///< the command's arguments, for the sitting
  bool primitives = false;   ///< each way of the platform to compute a layer is measured
  int rounds = 3;
  int most_rounds = 6;                 ///< of an item whose rounds do not confirm it, RoundLedger
  double round_gap_seconds = 60;       ///< at least, between two rounds of one item
  double budget_us = 50'000;           ///< of timing in a round: 0.15 to 0.3 s of an item
  int runs = 50;                       ///< kept of a round, at most
  double deadline_seconds = 120;       ///< for opening or measuring one item
  double sentinel_drift = calm_drift;  ///< a round is repeated when its sentinel says that it was not Calm
  int most_repeats = 3;                ///< of a disturbed round; then the calmest of them is kept, marked
  int repeat_rows = 0;  ///< items of each type that are measured once more, for the noise floor
  double repeat_after_seconds = 3600;
  bool retry_failed = false;
  uint64_t seed = 1;  ///< of the elements, and of which items are repeated
  std::filesystem::path scratch;
  std::filesystem::path lock = default_timing_lock;  ///< held while a sample is taken; empty: none
  Clock clock = steady_clock();
  std::function<void(double seconds)> sleep;  ///< waits; empty: the thread sleeps
  std::function<bool()> stop;                 ///< asked before each sample
  std::function<void(size_t done, size_t all, const std::string& now)> progress;
};

/// What was done: counted, never silent.
struct CollectReport {
  size_t items = 0, samples = 0, from_store = 0, failed = 0, disturbed = 0, restarts = 0;
  size_t repeats_not_due = 0;         ///< items whose repetition is too early; collect again later
  std::vector<std::string> failures;  ///< "layer: kind: why"
  bool complete = true;               ///< false: stopped
  double seconds = 0;
};

/// Measures what the store lacks, of this platform on this machine with these versions: the repetitions that
/// are due of what an earlier sitting measured; each item (and, with primitives, each primitive of it) in
/// `rounds` rounds, items in the order given; then the repetitions that are due by then. No two rounds of an
/// item share a process of the worker: where its memory lies makes up to a third of a small layer's time. An
/// item that fails gets a sample that says how, and is not tried again. A worker that ends, hangs or talks
/// nonsense is started anew. Throws ChildError when no worker can be started at all, Error when it has no
/// such mode, IoError.
CollectReport collect(std::span<const CollectItem> items, SampleStore& store, const CollectOptions& options);

}  // namespace raceline
