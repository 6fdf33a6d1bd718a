// What fills a cost table: profile(), or another protocol in its place.
#pragma once
#include <functional>

#include "raceline/profile/profiler.h"
#include "raceline/tune/whole_runs.h"

namespace raceline {

/// Fills a table by another protocol than profile()'s, such as profile_as_paper(), or less of it.
using MeasureCosts = std::function<ProfileReport(const CandidateSet& candidates, const RunScene& scene,
                                                 const ProfileOptions& options, CostTable& table)>;

/// Fills the table by `measure`, or by profile() with the options where `measure` is empty.
ProfileReport measure_costs(const MeasureCosts& measure, const CandidateSet& candidates,
                            const RunScene& scene, const ProfileOptions& options, CostTable& table);

}  // namespace raceline
