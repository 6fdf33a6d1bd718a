// Parameters of ops that move elements and compute nothing.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "raceline/tensor/data_type.h"
#include "raceline/tensor/layout.h"

namespace raceline {

/// concat along an axis of any number of tensors.
struct ConcatParams {
  int64_t axis = 0;
  friend bool operator==(const ConcatParams&, const ConcatParams&) = default;
};

/// reshape to the given dimensions, all known (0 and -1 are resolved by the reader). Flatten, Squeeze and
/// Unsqueeze are reshapes too.
struct ReshapeParams {
  std::vector<int64_t> dims;
  friend bool operator==(const ReshapeParams&, const ReshapeParams&) = default;
};

/// transpose: output axis i is input axis perm[i].
struct TransposeParams {
  std::vector<int64_t> perm;
  friend bool operator==(const TransposeParams&, const TransposeParams&) = default;
};

/// slice: output[i] = input[start + i * step] along every axis; size is the output's extent. One value for
/// each axis of the input; step may be negative, never 0.
struct SliceParams {
  std::vector<int64_t> start, size, step;
  friend bool operator==(const SliceParams&, const SliceParams&) = default;
};

/// gather of slices along an axis by an index tensor (i32 or i64; negative indices count from the end).
/// Operands: data, indices. Source: ONNX Gather.
struct GatherParams {
  int64_t axis = 0;
  friend bool operator==(const GatherParams&, const GatherParams&) = default;
};

enum class PadMode : uint8_t { constant, reflect, edge, wrap };
std::string_view to_string(PadMode mode);
/// Throws ParseError.
PadMode parse_pad_mode(std::string_view text);

/// pad by begin and end elements on each axis; negative removes. value is used in mode constant.
struct PadParams {
  PadMode mode = PadMode::constant;
  std::vector<int64_t> begin, end;
  double value = 0;
  friend bool operator==(const PadParams&, const PadParams&) = default;
};

/// cast of each element as by static_cast; a float that does not fit an integer type is unspecified.
struct CastParams {
  DataType to = DataType::f32;
  friend bool operator==(const CastParams&, const CastParams&) = default;
};

/// expand (broadcast) to dims, which the input's shape must broadcast to exactly.
struct ExpandParams {
  std::vector<int64_t> dims;
  friend bool operator==(const ExpandParams&, const ExpandParams&) = default;
};

/// shape of the operand as i64[rank of it], dimensions [start, end).
struct ShapeOfParams {
  int64_t start = 0, end = 0;
  friend bool operator==(const ShapeOfParams&, const ShapeOfParams&) = default;
};

/// reorder: the same tensor in another layout or on another device. Not an op of models: the search puts it
/// between layers.
struct ReorderParams {
  Interface from, to;
  friend bool operator==(const ReorderParams&, const ReorderParams&) = default;
};

/// identity (and dropout at inference), matmul: ops without parameters.
struct NoParams {
  friend bool operator==(const NoParams&, const NoParams&) = default;
};

template <class Visitor>
void visit_fields(ConcatParams& p, Visitor&& visit) {
  visit("axis", p.axis);
}
template <class Visitor>
void visit_fields(ReshapeParams& p, Visitor&& visit) {
  visit("dims", p.dims);
}
template <class Visitor>
void visit_fields(TransposeParams& p, Visitor&& visit) {
  visit("perm", p.perm);
}
template <class Visitor>
void visit_fields(SliceParams& p, Visitor&& visit) {
  visit("start", p.start);
  visit("size", p.size);
  visit("step", p.step);
}
template <class Visitor>
void visit_fields(GatherParams& p, Visitor&& visit) {
  visit("axis", p.axis);
}
template <class Visitor>
void visit_fields(PadParams& p, Visitor&& visit) {
  visit("mode", p.mode);
  visit("begin", p.begin);
  visit("end", p.end);
  visit("value", p.value);
}
template <class Visitor>
void visit_fields(CastParams& p, Visitor&& visit) {
  visit("to", p.to);
}
template <class Visitor>
void visit_fields(ExpandParams& p, Visitor&& visit) {
  visit("dims", p.dims);
}
template <class Visitor>
void visit_fields(ShapeOfParams& p, Visitor&& visit) {
  visit("start", p.start);
  visit("end", p.end);
}
template <class Visitor>
void visit_fields(ReorderParams& p, Visitor&& visit) {
  visit("from", p.from);
  visit("to", p.to);
}
template <class Visitor>
void visit_fields(NoParams&, Visitor&&) {}

}  // namespace raceline
