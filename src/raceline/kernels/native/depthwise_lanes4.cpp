// Depthwise convolution with vectors of 4: for the instructions that are always there.
#include "raceline/kernels/native/depthwise_loops.h"

namespace raceline {

template DepthwiseLoops depthwise_loops<4>(const Conv2dShape& shape);

}  // namespace raceline
