// All loops of the direct convolution for one vector width.
#pragma once
#include <utility>

#include "raceline/kernels/native/direct_block.h"
#include "raceline/kernels/native/direct_planes.h"

namespace raceline {

template <int lanes>
DirectLoops direct_loops() {
  DirectLoops loops{};
  const auto fill = [&]<int vectors, int... pixel>(std::integral_constant<int, vectors>,
                                                   std::integer_sequence<int, pixel...>) {
    ((loops.blocks[vectors - 1][pixel] = run_direct_block<lanes, pixel + 1, vectors>), ...);
    ((loops.planes[pixel] = run_plane_row<lanes, pixel + 1>), ...);
  };
  constexpr auto pixels = std::make_integer_sequence<int, direct_pixels(lanes)>{};
  fill(std::integral_constant<int, 1>{}, pixels);
  fill(std::integral_constant<int, 2>{}, pixels);
  loops.finish = run_direct_finish<lanes>;
  return loops;
}

}  // namespace raceline
