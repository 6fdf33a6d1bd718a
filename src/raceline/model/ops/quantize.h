// What quantised ops are made of. Private to this room.
#pragma once
#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "raceline/model/node_import.h"

namespace raceline {

/// x, or a node that casts it where it is of another type.
ValueId cast_to(NodeImport& node, std::string_view label, DataType type, ValueId x);

/// `type`; the node is refused, naming `what` and the type, where that is none of those wanted.
DataType want_type(const NodeImport& node, std::string_view what, DataType type,
                   std::initializer_list<DataType> wanted);
/// The type of a scale: f32, f16 or bf16.
DataType want_scale(const NodeImport& node, ValueId scale);

/// The zero point that is operand `index`; absent where it is not given or known to be zero. Throws
/// GraphError when its type is not that of `quantised` (which may be absent).
ValueId zero_point(const NodeImport& node, size_t index, ValueId quantised);

/// How scale and zero point lie along the tensor that they belong to: along an axis, one for each position,
/// or one for each `block` of them.
struct Granularity {
  int64_t axis = 1;
  int64_t block = 0;
};

/// A scale or zero point in a shape that broadcasts against x: one for all, one for each position along an
/// axis, or one for each block of positions along it. Throws GraphError for other shapes.
ValueId spread(NodeImport& node, std::string_view label, ValueId value, const Shape& x, Granularity by);

/// y; throws GraphError if `what` made it larger than x by broadcasting.
ValueId unspread(const NodeImport& node, std::string_view what, ValueId x, ValueId y);

/// x - zero_point (which may be absent) in a type that holds the difference.
ValueId centred(NodeImport& node, std::string_view label, DataType type, ValueId x, ValueId zero);

/// Output 0 is saturate(round(x) + zero_point) of the floats x; `zero` may be absent, `to` has 8 or 16 bits.
void result_quantised(NodeImport& node, ValueId x, ValueId zero, DataType to);

}  // namespace raceline
