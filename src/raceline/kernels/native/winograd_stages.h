// Winograd's stages for one vector width.
#pragma once
#include <optional>

#include "raceline/kernels/native/winograd.h"
#include "raceline/kernels/native/winograd_transforms.h"

namespace raceline {

template <class Tile>
void run_winograd_input(const TileTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA {
    tile_input<Tile::lanes, Tile::a_h, Tile::a_w>(
        task, units, [](const TileWindow& window, float* v, int64_t step) RACELINE_LAMBDA {
          if (window.rows.size() == Tile::a_h && window.columns.size() == Tile::a_w) {
            input_tile<Tile, true>(window, v, step);
          } else {
            input_tile<Tile, false>(window, v, step);
          }
        });
  });
}

template <class Tile>
void run_winograd_output(const TileTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA {
    tile_output<Tile::lanes, 1, Tile::m_h, Tile::m_w>(
        task, units,
        [](const float* m, int64_t step, int64_t, const TileTarget<Tile::lanes>& target)
            RACELINE_LAMBDA { output_tile<Tile>(m, step, target); });
  });
}

template <int lanes, int m_h, int r_h, int m_w, int r_w>
std::optional<TileStages> winograd_stages_if(const WinogradSize& size) {
  if (size.m_h != m_h || size.r_h != r_h || size.m_w != m_w || size.r_w != r_w) return std::nullopt;
  using Tile = WinogradTile<lanes, m_h, r_h, m_w, r_w>;
  return TileStages{run_winograd_input<Tile>, run_tile_multiply<lanes, Product::real>,
                    run_winograd_output<Tile>};
}

/// The stages for a tile size. Each vector width is compiled in a file of its own.
template <int lanes>
TileStages winograd_stages(const WinogradSize& size) {
  for (const auto& stages :
       {winograd_stages_if<lanes, 2, 3, 2, 3>(size), winograd_stages_if<lanes, 4, 3, 4, 3>(size),
        winograd_stages_if<lanes, 6, 3, 6, 3>(size), winograd_stages_if<lanes, 4, 5, 4, 5>(size),
        winograd_stages_if<lanes, 1, 1, 6, 3>(size), winograd_stages_if<lanes, 6, 3, 1, 1>(size),
        winograd_stages_if<lanes, 1, 1, 4, 7>(size), winograd_stages_if<lanes, 4, 7, 1, 1>(size)}) {
    if (stages) return *stages;
  }
  return {};
}
extern template TileStages winograd_stages<16>(const WinogradSize& size);
extern template TileStages winograd_stages<8>(const WinogradSize& size);
extern template TileStages winograd_stages<4>(const WinogradSize& size);

}  // namespace raceline
