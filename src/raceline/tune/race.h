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
  std::function<bool()> stop;
};

/// Fills measured_us, median_us and the ratios of the entries; the first is what the others are compared
/// with. Plans that are equal share one set of samples. The caller holds the TimingLock. Gives false when
/// stopped before 5 rounds.
bool race(std::span<RaceEntry> entries, Graph& graph, const PrimitiveRegistry& registry, Device& device,
          std::span<const TensorView> inputs, const RaceOptions& options);

}  // namespace raceline
