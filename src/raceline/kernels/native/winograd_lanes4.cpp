// Winograd's stages with vectors of 4: for the instructions that are always there.
#include "raceline/kernels/native/winograd_stages.h"

namespace raceline {

template TileStages winograd_stages<4>(const WinogradSize& size, bool lazy, int64_t pool);

}  // namespace raceline
