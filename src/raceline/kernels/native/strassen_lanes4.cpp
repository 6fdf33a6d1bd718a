// The loops of Strassen's product with vectors of 4: for the instructions that are always there.
#include "raceline/kernels/native/strassen_loops.h"

namespace raceline {

template StrassenLoops strassen_loops<4>();

}  // namespace raceline
