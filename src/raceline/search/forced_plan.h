// A plan without measuring: given primitives wherever they can, the reference elsewhere.
#pragma once
#include "raceline/graph/graph.h"
#include "raceline/profile/candidates.h"
#include "raceline/runtime/plan.h"

namespace raceline {

/// Runs as many layers as possible by primitives that `wanted` admits (the first of the registry's order for
/// each layer, fused where they can), the rest by the reference; conversions by the reference. For verifying
/// a primitive inside a network. The candidates must hold all primitives of the registry.
Plan forced_plan(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted);

}  // namespace raceline
