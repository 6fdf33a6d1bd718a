#include "raceline/tensor/shape.h"

#include <algorithm>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {

Shape::Shape(std::span<const int64_t> dims) {
  if (dims.size() > static_cast<size_t>(max_rank)) {
    throw GraphError(
        fmt::format("a shape of {} dimensions; at most {} are supported", dims.size(), max_rank));
  }
  int64_t elements = 1;
  for (const int64_t dim : dims) {
    if (dim < 0) throw GraphError(fmt::format("shape {}: a dimension is negative", fmt::join(dims, "x")));
    // Zeros are left out of the product, so that a huge shape is refused whatever else it holds.
    if (dim > 0 && __builtin_mul_overflow(elements, dim, &elements)) elements = INT64_MAX;
    if (elements > (int64_t{1} << 40)) {
      throw GraphError(fmt::format("shape {}: more than 2^40 elements", fmt::join(dims, "x")));
    }
    dims_[rank_++] = dim;
  }
}

int64_t Shape::elements() const {
  return elements(0, rank_);
}

int64_t Shape::elements(int first, int last) const {
  int64_t product = 1;
  for (int axis = first; axis < last; ++axis) product *= dims_[axis];
  return product;
}

Shape Shape::with(int axis, int64_t dim) const {
  std::array<int64_t, max_rank> dims = dims_;
  dims[axis] = dim;
  return Shape(std::span<const int64_t>(dims.data(), static_cast<size_t>(rank_)));
}

std::array<int64_t, Shape::max_rank> Shape::strides() const {
  std::array<int64_t, max_rank> strides{};
  int64_t stride = 1;
  for (int axis = rank_ - 1; axis >= 0; --axis) {
    strides[axis] = stride;
    stride *= dims_[axis];
  }
  return strides;
}

std::string Shape::to_string() const {
  return rank_ == 0 ? "scalar" : fmt::format("{}", fmt::join(dims(), "x"));
}

Shape Shape::parse(std::string_view text) {
  if (text == "scalar") return {};
  std::vector<int64_t> dims;
  for (const std::string_view part : split(text, 'x'))
    dims.push_back(parse_int(part, "dimension of a shape"));
  try {
    return Shape(dims);
  } catch (const GraphError& error) {
    throw ParseError(error.what());
  }
}

}  // namespace raceline
