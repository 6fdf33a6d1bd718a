// The direct convolution's loops with vectors of 4: for the instructions that are always there.
#include "raceline/kernels/native/direct_loops.h"

namespace raceline {

template DirectLoops direct_loops<4>();

}  // namespace raceline
