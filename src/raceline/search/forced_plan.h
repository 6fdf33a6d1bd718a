// Plans without measured costs: by an order of preference.
#pragma once
#include <functional>
#include <optional>

#include "raceline/graph/graph.h"
#include "raceline/profile/candidates.h"
#include "raceline/runtime/plan.h"

namespace raceline {

/// The plan of the least sum of made-up costs, one a candidate of a layer; without a cost a candidate is not
/// used. The plan's expected times are 0.
Plan preferred_plan(
    const Graph& graph, const CandidateSet& candidates,
    const std::function<std::optional<double>(const LayerDesc& layer, const Primitive& primitive)>& cost);

/// Runs as many layers as possible by primitives that `wanted` admits (the first of the registry's order for
/// each layer, fused where they can), the rest by the reference; conversions by the reference. For verifying
/// a primitive inside a network. The candidates must hold all primitives of the registry.
Plan forced_plan(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted);

}  // namespace raceline
