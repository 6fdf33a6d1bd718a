// Winograd's stages with vectors of 8: for AVX2.
#include "raceline/kernels/native/winograd_stages.h"

namespace raceline {

template TileStages winograd_stages<8>(const WinogradSize& size, bool lazy, int64_t pool);

}  // namespace raceline
