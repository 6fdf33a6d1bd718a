// FFT's stages with vectors of 8: for AVX2.
#include "raceline/kernels/native/fft_stages.h"

namespace raceline {

template TileStages fft_stages<8>(int tile);

}  // namespace raceline
