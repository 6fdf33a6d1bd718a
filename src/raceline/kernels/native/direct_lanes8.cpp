// The direct convolution's loops with vectors of 8: for AVX2.
#include "raceline/kernels/native/direct_loops.h"

namespace raceline {

template DirectLoops direct_loops<8>();

}  // namespace raceline
