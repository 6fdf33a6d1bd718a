// One row times a sparse constant matrix.
#pragma once
#include "raceline/graph/density.h"
#include "raceline/kernels/common/slice.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// Packed weights of a product with one row: of each output those that are not zero, each with its input.
class SparseRows {
 public:
  /// Packs operand 1 times `factor`. Throws IoError when memory is short.
  SparseRows(const WeightGrid& grid, float factor, const PrepareArgs& args);

  size_t bytes() const { return packed_.bytes(); }
  int64_t outputs() const { return outputs_; }
  /// Weights that are kept.
  int64_t kept() const { return kept_; }
  /// y = x * weights + bias, for some outputs; bias may be nullptr.
  void multiply(const float* x, const float* bias, Slice outputs, float* y) const;

 private:
  int64_t outputs_, kept_ = 0;
  size_t places_ = 0, values_ = 0;
  PackedBytes packed_;
};

}  // namespace raceline
