// The loops of Strassen's product with vectors of 8: for AVX2.
#include "raceline/kernels/native/strassen_loops.h"

namespace raceline {

template StrassenLoops strassen_loops<8>();

}  // namespace raceline
