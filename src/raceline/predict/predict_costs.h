// What the layers of a graph should cost by each primitive that can compute them, before any of it is
// measured.
#pragma once
#include "raceline/predict/predictor.h"
#include "raceline/profile/candidates.h"
#include "raceline/profile/cost_interval.h"

namespace raceline {

/// Intervals of the level (0 to 1) for all pairs that the predictor has a model of: its parts are by
/// primitive
/// (`dataset export --costs`). Pairs without a model are not in the answer.
CostIntervals predict_costs(const CandidateSet& candidates, const Predictor& predictor, double level);

}  // namespace raceline
