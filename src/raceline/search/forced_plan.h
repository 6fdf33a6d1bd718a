// Plans without measured costs: by an order of preference.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include "raceline/graph/graph.h"
#include "raceline/profile/candidates.h"
#include "raceline/runtime/plan.h"

namespace raceline {

/// The plan of the least sum of made-up costs, one a candidate of a layer; without a cost a candidate is not
/// used. The plan's expected times are 0.
Plan preferred_plan(
    const Graph& graph, const CandidateSet& candidates,
    const std::function<std::optional<double>(const LayerDesc& layer, const Primitive& primitive)>& cost);

/// Who computes the layers and conversions that the wanted primitives cannot.
enum class FillIn : uint8_t {
  reference,
  libraries,  ///< primitives that are fast, each layer by itself; the reference where there is none
};

/// Runs as many layers as possible by primitives that `wanted` admits (the first of the registry's order for
/// each layer, fused where they can), the rest by `fill`. Where only reorders are wanted, layouts are chosen
/// such that there is something to convert. For verifying a primitive inside a network. The candidates must
/// hold all primitives of the registry.
Plan forced_plan(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted,
                 FillIn fill = FillIn::reference);

/// Whether some layer or conversion of the plan is computed by this primitive.
bool uses(const Plan& plan, std::string_view primitive);

}  // namespace raceline
