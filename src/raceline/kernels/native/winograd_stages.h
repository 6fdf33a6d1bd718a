// Winograd's stages for one vector width.
#pragma once
#include <optional>

#include "raceline/kernels/native/winograd.h"
#include "raceline/kernels/native/winograd_lazy.h"
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

template <class Tile, int pool>
void run_winograd_output(const TileTask& task, Slice units) {
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA {
    tile_output<Tile::lanes, 1, Tile::m_h / pool, Tile::m_w / pool, pool>(
        task, units,
        [](const float* m, int64_t step, int64_t, const TileTarget<Tile::lanes>& target)
            RACELINE_LAMBDA { output_tile<Tile, pool>(m, step, target); });
  });
}

/// The products of a row of the window with a block of filters, whose rows are transformed on the way.
template <class Tile, int vectors>
void multiply_lazy_row(const TileTask& task, int64_t row, int64_t filters, bool next) {
  constexpr int64_t wide = int64_t{vectors} * Tile::lanes;
  const TileShape& shape = *task.shape;
  const int64_t first = filters * shape.wide(), position = row * Tile::a_w;
  const float* const h = task.packed + Tile::r_w * (row * shape.packed_step() + first * shape.depth());
  const LazyRow steps = {shape.depth(), task.input_step(), task.output_step(), Tile::r_w * wide, wide};
  for (int64_t block = 0; block < task.blocks(); ++block) {
    const Slice tiles = task.block(block);
    const float* const v = task.v + position * task.input_step() + tiles.first * shape.channels();
    float* const m = task.m + position * task.output_step() + first * task.tiles.size() + tiles.first * wide;
    // The filters of the next unit follow on these.
    const float* ahead = next && block == 0 ? h + shape.depth() * steps.filter_step : nullptr;
    lazy_rows<Tile, vectors>[static_cast<size_t>(tiles.size() - 1)](steps, h, v, ahead, m);
  }
}

template <class Tile>
void run_winograd_lazy_multiply(const TileTask& task, Slice units) {
  const TileShape& shape = *task.shape;
  constexpr int vectors = TileBlock<Tile::lanes, 1>::vectors;
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t row = unit / shape.filter_blocks(), filters = unit % shape.filter_blocks();
    if ((filters + 1) * vectors > shape.filter_vectors) {
      multiply_lazy_row<Tile, 1>(task, row, filters, unit + 1 < units.last);
    } else {
      multiply_lazy_row<Tile, vectors>(task, row, filters, unit + 1 < units.last);
    }
  }
}

template <int lanes, int m_h, int r_h, int m_w, int r_w, bool lazy = false>
std::optional<TileStages> winograd_stages_if(const WinogradSize& size, int64_t pool) {
  if (size.m_h != m_h || size.r_h != r_h || size.m_w != m_w || size.r_w != r_w) return std::nullopt;
  using Tile = WinogradTile<lanes, m_h, r_h, m_w, r_w>;
  TileStages stages{run_winograd_input<Tile>, run_tile_multiply<lanes, Product::real>,
                    run_winograd_output<Tile, 1>};
  if (pool == 2) {
    if constexpr (m_h % 2 == 0 && m_w % 2 == 0) {
      stages.output = run_winograd_output<Tile, 2>;
    } else {
      return std::nullopt;
    }
  }
  if constexpr (lazy) stages.multiply = run_winograd_lazy_multiply<Tile>;
  return stages;
}

/// The stages for a tile size; lazy ones exist for F(4x4,3x3), and those that pool 2x2 outputs for tiles that
/// hold whole windows. Each vector width is compiled in a file of its own.
template <int lanes>
TileStages winograd_stages(const WinogradSize& size, bool lazy, int64_t pool) {
  if (lazy) return winograd_stages_if<lanes, 4, 3, 4, 3, true>(size, pool).value_or(TileStages{});
  for (const auto& stages :
       {winograd_stages_if<lanes, 2, 3, 2, 3>(size, pool), winograd_stages_if<lanes, 4, 3, 4, 3>(size, pool),
        winograd_stages_if<lanes, 6, 3, 6, 3>(size, pool), winograd_stages_if<lanes, 4, 5, 4, 5>(size, pool),
        winograd_stages_if<lanes, 1, 1, 6, 3>(size, pool), winograd_stages_if<lanes, 6, 3, 1, 1>(size, pool),
        winograd_stages_if<lanes, 1, 1, 4, 7>(size, pool),
        winograd_stages_if<lanes, 4, 7, 1, 1>(size, pool)}) {
    if (stages) return *stages;
  }
  return {};
}
extern template TileStages winograd_stages<16>(const WinogradSize& size, bool lazy, int64_t pool);
extern template TileStages winograd_stages<8>(const WinogradSize& size, bool lazy, int64_t pool);
extern template TileStages winograd_stages<4>(const WinogradSize& size, bool lazy, int64_t pool);

}  // namespace raceline
