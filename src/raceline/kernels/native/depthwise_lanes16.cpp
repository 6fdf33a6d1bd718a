// Depthwise convolution with vectors of 16: for AVX-512.
#include "raceline/kernels/native/depthwise_loops.h"

namespace raceline {

template DepthwiseLoops depthwise_loops<16>(const Conv2dShape& shape);

}  // namespace raceline
