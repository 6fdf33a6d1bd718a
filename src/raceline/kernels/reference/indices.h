// Elements that say where other elements are.
#pragma once
#include <cstdint>

#include "raceline/kernels/reference/broadcast.h"
#include "raceline/tensor/tensor.h"

namespace raceline {

inline constexpr int64_t no_index = -1;

/// Element `i` of a tensor of i32 or i64 as a place in an axis of `extent`, counted from the end where it is
/// negative; no_index where it lies outside.
inline int64_t index_at(const TensorView& indices, int64_t i, int64_t extent) {
  const int64_t index =
      indices.desc.type == DataType::i64 ? indices.data<int64_t>()[i] : indices.data<int32_t>()[i];
  if (index < -extent || index >= extent) return no_index;
  return index < 0 ? index + extent : index;
}

/// The same, for `depth` indices from element `i` on into the axes of `shape` from `first` on: the offset of
/// the place in the tensor, or no_index.
inline int64_t offset_at(const TensorView& indices, int64_t i, int64_t depth, const Shape& shape, int first) {
  const Strides strides = shape.strides();
  int64_t offset = 0;
  for (int64_t level = 0; level < depth; ++level) {
    const int axis = first + static_cast<int>(level);
    const int64_t index = index_at(indices, i + level, shape[axis]);
    if (index == no_index) return no_index;
    offset += index * strides[static_cast<size_t>(axis)];
  }
  return offset;
}

/// The positions of a box in row-major order, each with the offset that the strides give it.
class StridedWalk {
 public:
  StridedWalk(std::span<const int64_t> dims, const Strides& strides) : dims_(dims), strides_(strides) {}

  int64_t offset() const { return offset_; }
  void next() {
    for (size_t axis = dims_.size(); axis-- > 0;) {
      offset_ += strides_[axis];
      if (++at_[axis] < dims_[axis]) return;
      offset_ -= at_[axis] * strides_[axis];
      at_[axis] = 0;
    }
  }

 private:
  std::span<const int64_t> dims_;
  Strides strides_;
  Strides at_{};
  int64_t offset_ = 0;
};

/// Calls visit(i, offset) for each index of gather_elements or scatter_elements: its number, and the offset
/// in the data of the element it stands for. False when an index lies outside.
template <class Visitor>
bool each_element_index(const TensorView& indices, const Shape& data, int axis, Visitor&& visit) {
  Strides strides = data.strides();
  const int64_t along = strides[static_cast<size_t>(axis)];
  strides[static_cast<size_t>(axis)] = 0;
  StridedWalk walk(indices.desc.shape.dims(), strides);
  const int64_t count = indices.desc.shape.elements();
  for (int64_t i = 0; i < count; ++i, walk.next()) {
    const int64_t index = index_at(indices, i, data[axis]);
    if (index == no_index) return false;
    visit(i, walk.offset() + index * along);
  }
  return true;
}

}  // namespace raceline
