// The direct convolution's loops with vectors of 16: for AVX-512.
#include "raceline/kernels/native/direct_loops.h"

namespace raceline {

template DirectLoops direct_loops<16>();

}  // namespace raceline
