// The dimensions of a tensor: up to eight, inline.
#pragma once
#include <array>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>

namespace raceline {

/// Dimensions, outermost first. A scalar has rank 0; a dimension may be 0 (an empty tensor).
class Shape {
 public:
  static constexpr int max_rank = 8;

  Shape() = default;
  Shape(std::initializer_list<int64_t> dims) : Shape(std::span<const int64_t>(dims.begin(), dims.size())) {}
  /// Throws GraphError for more than eight dimensions, a negative one, or more than 2^40 elements.
  explicit Shape(std::span<const int64_t> dims);

  int rank() const { return rank_; }
  int64_t operator[](int axis) const { return dims_[axis]; }
  std::span<const int64_t> dims() const { return {dims_.data(), static_cast<size_t>(rank_)}; }
  int64_t elements() const;
  /// The product of dimensions [first, last).
  int64_t elements(int first, int last) const;
  /// This shape with one dimension replaced.
  Shape with(int axis, int64_t dim) const;
  /// Elements between neighbours along each axis in row-major order.
  std::array<int64_t, max_rank> strides() const;

  /// "1x64x56x56"; "scalar" for rank 0.
  std::string to_string() const;
  /// Throws ParseError.
  static Shape parse(std::string_view text);
  friend bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<int64_t, max_rank> dims_{};
  int rank_ = 0;
};

}  // namespace raceline
