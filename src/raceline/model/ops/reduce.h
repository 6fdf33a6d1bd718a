// Reductions, for the import functions that need them. Private to this room.
#pragma once
#include <string_view>
#include <vector>

#include "raceline/model/node_import.h"

namespace raceline {

/// Adds nodes that reduce x over the given axes (no axes: over none), each kept with extent 1. Means, sums
/// and maxima over all axes of an image are pools, for which there are fast primitives.
ValueId reduce(NodeImport& node, std::string_view label, ReduceKind kind, ValueId x,
               std::vector<int64_t> axes);

}  // namespace raceline
