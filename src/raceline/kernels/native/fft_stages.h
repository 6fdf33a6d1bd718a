// FFT's stages for one vector width.
#pragma once
#include "raceline/kernels/native/fft_tiles.h"

namespace raceline {

template <int lanes, int T>
void run_fft_input(const TileTask& task, Slice units) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA {
    tile_input<lanes, T, T>(task, units,
                            [](const TileWindow& window, float* v, int64_t step)
                                RACELINE_LAMBDA { fft_input<lanes, T>(window, v, step); });
  });
}

template <int lanes, int T>
void run_fft_output(const TileTask& task, Slice units) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA {
    const int64_t stride_h = task.shape->conv.stride_h, stride_w = task.shape->conv.stride_w;
    tile_output<lanes, 2, T, T, 1>(
        task, units,
        [=](const float* m, int64_t step, int64_t plane_step, const TileTarget<lanes>& target)
            RACELINE_LAMBDA { fft_output<lanes, T>(m, step, plane_step, stride_h, stride_w, target); });
  });
}

template <int lanes, int T>
TileStages fft_stages_of() {
  return {run_fft_input<lanes, T>, run_tile_multiply<lanes, Product::complex>, run_fft_output<lanes, T>};
}

/// The stages for a tile size. Each vector width is compiled in a file of its own.
template <int lanes>
TileStages fft_stages(int tile) {
  return tile == 8    ? fft_stages_of<lanes, 8>()
         : tile == 16 ? fft_stages_of<lanes, 16>()
                      : fft_stages_of<lanes, 32>();
}
extern template TileStages fft_stages<16>(int tile);
extern template TileStages fft_stages<8>(int tile);
extern template TileStages fft_stages<4>(int tile);

}  // namespace raceline
