// A convolution or product with sparse constant weights, packed and ready to run.
#pragma once
#include <optional>

#include "raceline/graph/density.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/sparse_product.h"
#include "raceline/kernels/native/sparse_shape.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// How the weights that are not zero are kept.
enum class SparseFormat : uint8_t {
  csr,      ///< each with its place
  block16,  ///< blocks of 16 neighbouring filters that hold one, with their place
};

/// The instructions to use, up to `most`, in a layout's blocks or not.
SparseProducts sparse_products_of(Isa most);
SparseTile sparse_tile_of(const SparseProducts& products, SparseFormat format);

/// Weights that are worth looking at: their class of density, or the reason why not.
Support needs_sparse(const OperandDesc& weights, SparseFormat format);

/// Packed weights. Channels are in blocks, inside of which a filter's weights lie together.
class SparseWeights {
 public:
  SparseWeights() = default;
  /// Packs operand 1 times `factor`. Throws IoError when memory is short.
  SparseWeights(const SparseShape& shape, SparseFormat format, const WeightGrid& grid, float factor,
                const PrepareArgs& args);

  size_t bytes() const { return packed_.bytes(); }
  /// Entry numbers where filter `filter` (or block of 16 filters) of a block of channels begins, and the
  /// next.
  const uint32_t* rows(int64_t group, int64_t block, int64_t filter) const {
    return packed_.data<uint32_t>() + (group * blocks_ + block) * filters_ + filter;
  }
  const SparseEntry* entries() const { return reinterpret_cast<const SparseEntry*>(part(places_)); }
  const int32_t* offsets() const { return reinterpret_cast<const int32_t*>(part(places_)); }
  const float* values() const { return reinterpret_cast<const float*>(part(values_)); }

 private:
  const std::byte* part(size_t at) const { return packed_.data<std::byte>() + at; }

  PackedBytes packed_;
  int64_t blocks_ = 0, filters_ = 0;
  size_t places_ = 0, values_ = 0;
};

/// What a run is given.
struct SparseRun {
  const float* x;
  float* y;
  const float* bias;      ///< of all filters; nullptr: none
  const float* residual;  ///< as y; nullptr: none
  float* workspace;
  int threads;
};

/// Runs a packed layer: planes of a chunk, its tiles, and what follows in registers or right behind.
class SparseLayer {
 public:
  SparseLayer(SparseShape shape, SparseFormat format, const SparseProducts& products, const WeightGrid& grid,
              float factor, const FusedEpilogue& last, const PrepareArgs& args);

  /// Scratch that run() needs.
  static int64_t workspace_elements(const SparseShape& shape, SparseFormat format, int threads);
  size_t packed_bytes() const { return weights_.bytes(); }
  void run(const SparseRun& run) const;

 private:
  struct Work;
  void tile(const Work& work, int64_t index, Slice filters, float* sums) const;
  void csr_tile(const Work& work, Slice pixels, Slice filters, float* sums) const;
  void block_tile(const Work& work, Slice pixels, Slice filters) const;
  void store_csr(const Work& work, Slice pixels, Slice filters, const float* sums) const;
  void store_block(const Work& work, Slice pixels, int64_t filter, const float* sums) const;
  void add_residual(const Work& work, Slice pixels, Slice filters) const;

  SparseShape shape_;
  SparseFormat format_;
  SparseProducts products_;
  FusedEpilogue last_;
  SparseWeights weights_;
};

}  // namespace raceline
