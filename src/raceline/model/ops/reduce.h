// Means and other reductions as pooling. Private to this room.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "raceline/model/node_import.h"

namespace raceline {

enum class Reduction : uint8_t { mean, sum, max, min };

/// Adds nodes that reduce x (of floats, no axis empty) over the given axes, each kept with extent 1: the
/// reduced axes are moved to the end and pooled by a window as long as they are. Refuses other types and
/// empty tensors.
ValueId reduce(NodeImport& node, std::string_view label, Reduction reduction, ValueId x,
               std::vector<int64_t> axes);

}  // namespace raceline
