// Racing plans: whole networks, run in turn in paired rounds.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "raceline/primitive/registry.h"
#include "raceline/tune/tuner.h"

namespace raceline {

struct RaceOptions {
  int rounds = 30;
  double seconds = 15;
  uint64_t seed = 1;
  bool again = false;  ///< race even what the store has a result of
  std::function<bool()> stop;
  std::function<bool()> may_run;  ///< asked before the first run: takes the TimingLock
};

enum class RaceState : uint8_t { stopped, from_store, run };

/// Fills measured_us, median_us and the ratios of the entries; the first is what the others are compared
/// with. Plans that do the same are one. Rounds are taken in five takes, each with sessions made anew
/// elsewhere in memory, and the intervals hold for that too; who is hopelessly behind in a take, or
/// clearly in two, leaves. A
/// pair that the store has under these conditions is not run again; what is run is kept there. The caller's
/// `may_run` takes the TimingLock. `stopped`: before there were 5 rounds, and then no entry is changed.
RaceState race(std::span<RaceEntry> entries, const RunScene& scene, const RaceOptions& options);

/// What is far too slow for a race, the reference above all, by itself: up to `runs` whole runs without a
/// warm-up, none begun after two seconds, or those that the store has. Fills measured_us and median_us, and
/// the ratios against first_us unless that is 0. How many runs there were; 0 when stopped, and then the entry
/// is as it was.
int run_slow(RaceEntry& entry, double first_us, const RunScene& scene, int runs,
             const std::function<bool()>& stop, const std::function<bool()>& may_run);

}  // namespace raceline
