// FFT's stages with vectors of 4: for the instructions that are always there.
#include "raceline/kernels/native/fft_stages.h"

namespace raceline {

template TileStages fft_stages<4>(int tile);

}  // namespace raceline
