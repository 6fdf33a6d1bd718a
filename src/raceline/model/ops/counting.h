// Constants that count. Private to this room.
#pragma once
#include <cstdint>
#include <string_view>

#include "raceline/model/node_import.h"

namespace raceline {

/// A constant of i64 that counts from `first` along one axis of a shape and has extent 1 along the others:
/// compared with an index, it finds the index's place. Refuses an axis too long to be written out.
ValueId counting(NodeImport& node, std::string_view label, int64_t first, const Shape& shape, int64_t axis);

}  // namespace raceline
