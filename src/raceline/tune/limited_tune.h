// Tuning under a user's limits.
#pragma once
#include "raceline/tune/tuner.h"

namespace raceline {

/// Measures what is missing and searches within options.limits; nothing is raced, so that the plan is a
/// function of the costs alone. Entries: the plan, and the optimum without limits for its price. Throws what
/// profile and search_limited throw.
TuneResult tune_limited(Graph& graph, const PrimitiveRegistry& registry, Devices devices, CostStore& store,
                        const TuneOptions& options);

}  // namespace raceline
