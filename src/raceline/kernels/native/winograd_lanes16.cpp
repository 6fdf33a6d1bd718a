// Winograd's stages with vectors of 16: for AVX-512.
#include "raceline/kernels/native/winograd_stages.h"

namespace raceline {

template TileStages winograd_stages<16>(const WinogradSize& size, bool lazy, int64_t pool);

}  // namespace raceline
