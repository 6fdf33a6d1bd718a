// profile() with predictions before it: only what they leave undecided is checked and timed.
#pragma once
#include "raceline/tune/measure_undecided.h"
#include "raceline/tune/whole_runs.h"

namespace raceline {

/// Fills the table with what the store knows, then by measure_undecided() with what is measured here, checked
/// first as by profile(), and saved. `decision` says how much that was. options.seconds bounds all of it.
ProfileReport profile_undecided(const CandidateSet& candidates, const RunScene& scene,
                                const CostIntervals& predicted, const UndecidedOptions& how,
                                const ProfileOptions& options, CostTable& table, UndecidedReport& decision);

}  // namespace raceline
