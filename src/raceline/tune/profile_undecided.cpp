#include "raceline/tune/profile_undecided.h"

#include <algorithm>

namespace raceline {
namespace {

/// What several profiles did, as one. What failed before fails again in each.
void add(ProfileReport& sum, const ProfileReport& more) {
  sum.measured += more.measured;
  sum.dropped += more.dropped;
  sum.rounds += more.rounds;
  sum.disturbed += more.disturbed;
  sum.complete = sum.complete && more.complete;
  for (const std::string& failure : more.failures) {
    if (std::find(sum.failures.begin(), sum.failures.end(), failure) == sum.failures.end())
      sum.failures.push_back(failure);
  }
}

}  // namespace

ProfileReport profile_undecided(const CandidateSet& candidates, const RunScene& scene,
                                const CostIntervals& predicted, const UndecidedOptions& how,
                                const ProfileOptions& options, CostTable& table, UndecidedReport& decision) {
  const Clock& clock = options.timing.clock;
  const double begin_us = clock();
  const auto profile_these = [&](const Pairs& pairs) {
    ProfileOptions some = options;
    some.wanted = [&pairs](const std::string& layer, const std::string& primitive) {
      return pairs.contains({layer, primitive});
    };
    // Not 0, which would be no limit.
    if (some.seconds > 0) some.seconds = std::max(1e-9, some.seconds - (clock() - begin_us) * 1e-6);
    return profile(candidates, scene.registry, scene.devices, scene.store, some, table);
  };
  ProfileReport report = profile_these({});
  decision = measure_undecided(
      scene.graph, candidates, predicted,
      [&](const Pairs& pairs, CostTable&) { add(report, profile_these(pairs)); }, how, table);
  report.complete = report.complete && decision.decided;
  report.seconds = (clock() - begin_us) * 1e-6;
  return report;
}

}  // namespace raceline
