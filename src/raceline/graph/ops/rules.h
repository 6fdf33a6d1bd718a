// What the shape rules of all ops share: checks that refuse with a GraphError, and arithmetic that cannot
// overflow. Private to the folder.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/graph/op.h"

namespace raceline::rules {

using Operands = OpInfo::Operands;

/// Each folder file gives its rows; op.cpp puts them in the order of OpKind.
void add_conv_ops(std::vector<OpInfo>& table);
void add_pool_ops(std::vector<OpInfo>& table);
void add_matmul_ops(std::vector<OpInfo>& table);
void add_norm_ops(std::vector<OpInfo>& table);
void add_elementwise_ops(std::vector<OpInfo>& table);
void add_movement_ops(std::vector<OpInfo>& table);
void add_reduce_ops(std::vector<OpInfo>& table);
void add_indexing_ops(std::vector<OpInfo>& table);
void add_sampling_ops(std::vector<OpInfo>& table);

/// Strides, kernels, dilations and pads may be up to here, so that sums and products of two stay far from
/// the limits of int64_t.
inline constexpr int64_t largest_extent = int64_t{1} << 30;

/// Throws a GraphError of this text.
[[noreturn]] void refuse(const std::string& text);

/// The operand, which must be there. `what` names it: "weights".
const TensorDesc& operand(Operands operands, size_t index, std::string_view what);
/// The operand, or nullptr when it is absent.
const TensorDesc* optional_operand(Operands operands, size_t index);
/// The rank of an operand; 0 when it is absent. For normalising, which never throws.
int rank_of(Operands operands, size_t index);

void want_rank(const TensorDesc& desc, std::string_view what, int least, int most);
void want_float(const TensorDesc& desc, std::string_view what);
/// Any type but bool.
void want_number(const TensorDesc& desc, std::string_view what);
void want_same_type(const TensorDesc& desc, std::string_view what, const TensorDesc& other);
void want_shape(const TensorDesc& desc, std::string_view what, const Shape& shape);
void want_not_nan(double value, std::string_view what);
/// `axis` must lie in [0, rank).
void want_axis(int64_t axis, int rank);
/// i32 or i64.
void want_indices(const TensorDesc& desc, std::string_view what);
/// One value for each of `count` axes, each in [least, most].
void want_values(std::span<const int64_t> values, std::string_view what, int count, int64_t least,
                 int64_t most);

/// Fills an empty vector with `count` times `value`.
void fill(std::vector<int64_t>& values, int count, int64_t value);
/// Spatial axes of an (N, C, spatial...) operand.
int spatial_rank(Operands operands);
/// The product of two numbers that are not negative; a GraphError naming `what` if it leaves int64_t.
int64_t product(int64_t a, int64_t b, std::string_view what);
/// NumPy's broadcasting of two shapes.
Shape broadcast(const Shape& a, const Shape& b);
/// Whether `from` broadcasts to exactly `to`.
bool broadcasts_to(const Shape& from, const Shape& to);

/// The parameters of an op, by reference.
template <class Params>
const Params& as(const OpParams& params) {
  return std::get<Params>(params);
}

inline void keep_params(OpParams&, Operands) {}

/// An axis of operand 0 counted from the end becomes one counted from the start.
template <class Params>
void normalise_axis(OpParams& params, Operands operands) {
  int64_t& axis = std::get<Params>(params).axis;
  const int rank = rank_of(operands, 0);
  if (axis < 0 && axis >= -rank) axis += rank;
}

inline double no_flops(const OpParams&, Operands, std::span<const TensorDesc>) {
  return 0;
}

}  // namespace raceline::rules
