// The loops of Strassen's product with vectors of 16: for AVX-512.
#include "raceline/kernels/native/strassen_loops.h"

namespace raceline {

template StrassenLoops strassen_loops<16>();

}  // namespace raceline
