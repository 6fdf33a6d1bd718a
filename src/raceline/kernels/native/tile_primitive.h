// The base of convolutions by transforms of tiles: what Winograd's and FFT's primitives have in common.
#pragma once
#include <memory>
#include <string>

#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/tile_stages.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

class TilePrimitive : public Primitive {
 public:
  Support supports(const LayerDesc& layer) const final;
  LayerLayouts layouts(const LayerDesc& layer) const final;
  std::optional<double> error_bound(const LayerDesc&) const final { return error_bound_; }
  size_t workspace_bytes(const LayerDesc& layer, int threads) const final;
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const final;

 protected:
  /// Uses the best instructions of this machine up to `most`; nchw8c has vectors of 8.
  TilePrimitive(OpKind op, const std::string& algorithm, Layout layout, Isa most, double error_bound);

  int lanes() const { return lanes_; }
  /// Kernel, strides, dilation, groups and what is pooled. Types, constants, layout and epilogue are the
  /// base's concern.
  virtual Support check(const LayerDesc& layer) const = 0;
  virtual TileShape shape(const LayerDesc& layer) const = 0;
  virtual TileStages stages(const LayerDesc& layer) const = 0;
  /// Transforms the filters of all groups, from [filter][channel][row][column], into what `shape` says.
  virtual void pack(const LayerDesc& layer, const TileShape& shape, const float* filters,
                    float* packed) const = 0;

 private:
  int lanes_;
  double error_bound_;
};

}  // namespace raceline
