// The shared epilogue: for primitives whose library can't fuse what a layer does to its result.
#pragma once
#include <cstdint>
#include <vector>

#include "raceline/graph/layer_desc.h"
#include "raceline/primitive/primitive.h"

namespace raceline {

/// The epilogue of one layer on its first output, an f32 buffer in any layout. The residual lies in the
/// output's layout. Padded channels of blocked layouts are zero afterwards, whatever the functions make of
/// zeros.
class Epilogue {
 public:
  Epilogue() = default;
  /// Of a layer whose first output has this layout.
  Epilogue(const LayerDesc& layer, Layout layout);

  /// Whether a primitive that writes this layout may use it: f32 only, and a constant residual comes in nchw.
  static Support supports(const LayerDesc& layer, Layout layout);

  bool empty() const { return steps_.empty(); }
  /// The residual among a kernel's inputs; nullptr when the layer adds none.
  const float* residual(const KernelArgs& args) const;
  /// All steps on stored elements [first, last) of the output; for slices inside a parallel region. `output`
  /// and `residual` point at element 0 of their tensors.
  void apply(float* output, const float* residual, int64_t first, int64_t last) const;
  /// The whole output on up to `threads` threads.
  void apply_all(float* output, const float* residual, int threads) const;

 private:
  void apply_steps(float* output, const float* residual, int64_t count) const;

  std::vector<EpilogueStep> steps_;
  TensorDesc desc_;
  size_t residual_ = 0;
  bool clears_padding_ = false;
};

/// Writes zeros to the padded channels among stored elements [first, last) of a tensor in a blocked layout;
/// does nothing in other layouts.
void clear_padding(const TensorDesc& desc, float* data, int64_t first, int64_t last);

}  // namespace raceline
