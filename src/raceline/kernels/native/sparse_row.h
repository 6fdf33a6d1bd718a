// One row times a sparse constant matrix.
#pragma once
#include "raceline/graph/density.h"
#include "raceline/kernels/common/slice.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

enum class SparseRowFormat : uint8_t {
  csr,     ///< of each output the weights, each with its input
  bitmap,  ///< of each output a bit for each input, and the weights that have one
};

/// Packed weights of a product with one row.
class SparseRows {
 public:
  /// Packs operand 1 times `factor`. Throws IoError when memory is short.
  SparseRows(const WeightGrid& grid, SparseRowFormat format, float factor, const PrepareArgs& args);

  size_t bytes() const { return packed_.bytes(); }
  int64_t outputs() const { return outputs_; }
  /// Weights that are kept.
  int64_t kept() const { return kept_; }
  /// y = x * weights + bias, for some outputs; bias may be nullptr.
  void multiply(const float* x, const float* bias, Slice outputs, float* y) const;

 private:
  const uint32_t* starts() const { return packed_.data<uint32_t>(); }

  SparseRowFormat format_;
  int64_t inputs_, outputs_, kept_ = 0;
  size_t places_ = 0, values_ = 0;
  PackedBytes packed_;
};

}  // namespace raceline
