// FFT's stages with vectors of 16: for AVX-512.
#include "raceline/kernels/native/fft_stages.h"

namespace raceline {

template TileStages fft_stages<16>(int tile);

}  // namespace raceline
