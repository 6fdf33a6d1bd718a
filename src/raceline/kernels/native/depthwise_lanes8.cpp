// Depthwise convolution with vectors of 8: for AVX2.
#include "raceline/kernels/native/depthwise_loops.h"

namespace raceline {

template DepthwiseLoops depthwise_loops<8>(const Conv2dShape& shape);

}  // namespace raceline
