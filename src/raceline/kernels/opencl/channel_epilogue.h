// Bias of channels and epilogue in a pass of its own, for libraries that fuse neither. Private to
// kernels/opencl.
#pragma once
#include "raceline/kernels/opencl/conv_common.h"
#include "raceline/kernels/opencl/flat_work.h"

namespace raceline {

/// Runs over a result in nchw, in place; nothing where there is neither bias nor epilogue.
class ChannelEpilogue {
 public:
  /// `rows` of `inner` elements each have one of `channels` numbers of the bias, in turn; channels 0: each
  /// element of a row has one.
  ChannelEpilogue(const LayerDesc& layer, OpenClDevice& device, int64_t rows, int64_t inner,
                  int64_t channels);
  Status run(OpenClQueue& queue, Memory bias, Memory residual, Memory result) const;

 private:
  DeviceEpilogue epilogue_;
  bool is_empty_;
  int64_t rows_, inner_, channels_, each_;
  OpenClKernel kernel_;
};

}  // namespace raceline
