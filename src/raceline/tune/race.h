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
/// with. Plans that do the same are one. A pair that the store has under these conditions is not run again;
/// what is run is kept there. The caller's `may_run` takes the TimingLock. `stopped`: before there were 5
/// rounds, and then no entry is changed.
RaceState race(std::span<RaceEntry> entries, const RunScene& scene, const RaceOptions& options);

}  // namespace raceline
