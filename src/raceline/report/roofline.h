// How fast a layer and a network could be at best: by the machine's FMA peak, and by the bandwidth of the
// smallest cache that holds a layer's tensors. Source: Williams, Waterman and Patterson, Roofline, 2009.
#pragma once
#include <vector>

#include "raceline/device/peaks.h"
#include "raceline/primitive/registry.h"
#include "raceline/runtime/plan.h"

namespace raceline {

/// Least times of a layer. Nothing that computes its definition is faster than direct_us(); with Winograd's
/// multiplications in place of the definition's, nothing is faster than winograd_us().
struct LayerRoofline {
  double compute_us = 0;  ///< the definition's operations at the FMA peak, products with padding included
  double products_us =
      0;  ///< with the fewest multiplications of the Winograd tiles offered, transforms not counted
  double memory_us = 0;  ///< operands and results, each once
  double direct_us() const;
  double winograd_us() const;
};

/// The fewest multiplications that a Winograd primitive of the registry needs for the layer, as a share of
/// the definition's; 1 where none takes the layer. Tiles that reach over the border count whole. The tile is
/// that of the primitive's algorithm: "wino_<m>x<r>", "wino1d_<m>x<r>".
double winograd_share(const LayerDesc& layer, const PrimitiveRegistry& registry);

/// `share` is winograd_share()'s. A peak that is 0 bounds nothing.
LayerRoofline roofline_of(const LayerDesc& layer, double share, const Machine& machine, const Peaks& peaks);

/// Of a whole network: sums over the steps of a plan, so that what it fuses is not read twice. Steps without
/// arithmetic (concat, slice, transpose, conversions) count nothing: a neighbour could write where they copy
/// to.
struct NetworkRoofline {
  std::vector<LayerRoofline> steps;  ///< of plan.steps
  double direct_us = 0;
  double winograd_us = 0;
  /// The part of direct_us in layers whose memory is the tighter bound.
  double memory_bound_us = 0;
};

/// Throws PlanError when the plan does not fit the graph.
NetworkRoofline roofline_of(const Graph& graph, const Plan& plan, const PrimitiveRegistry& registry,
                            const Machine& machine, const Peaks& peaks);

}  // namespace raceline
