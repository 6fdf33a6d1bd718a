// Winograd's products with filters whose rows are transformed when they are used: for images of so few tiles
// that reading the transformed filters takes longer than multiplying them.
#pragma once
#include <algorithm>
#include <array>

#include "raceline/kernels/native/winograd_transforms.h"

namespace raceline {

/// Tiles whose products are summed at a time: those of half the positions of a row stay in registers.
constexpr int lazy_tiles = 4;

/// Steps in floats; channels are a multiple of 4.
struct LazyRow {
  int64_t channels;
  int64_t input_step, output_step;  ///< from position to position
  int64_t filter_step;              ///< from channel to channel
  int64_t wide;                     ///< from tap to tap, and from tile to tile of the products
};

/// Products of half of the positions, from `first` on, with some vectors of filters: h holds
/// [channel][tap][filter], v at each position [channels / lanes][tile][lanes], m gets [tile][filter]. A line
/// of each tap is brought into the second-level cache meanwhile, from `ahead` on unless that is nullptr.
template <class Tile, int tiles, int first, int vectors>
RACELINE_INLINE void multiply_lazy(const LazyRow& row, const float* h, const float* v, const float* ahead,
                                   float* m) {
  constexpr int lanes = Tile::lanes, count = Tile::a_w / 2;
  Vec<lanes> sums[count][tiles][vectors] = {};
  const float* a = v + first * row.input_step;
  for (int64_t left = row.channels; left > 0; left -= lanes) {
    const int64_t some = left < lanes ? left : lanes;
    for (int64_t channel = 0; channel < some; ++channel) {
      if (ahead != nullptr) {
        unrolled<Tile::r_w>([&](auto tap)
                                RACELINE_LAMBDA { __builtin_prefetch(ahead + tap * row.wide, 0, 2); });
        ahead += row.filter_step;
      }
      Vec<lanes> u[vectors][Tile::a_w];
      unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
        Vec<lanes> g[Tile::r_w];
        unrolled<Tile::r_w>(
            [&](auto tap) RACELINE_LAMBDA { load<lanes>(g[tap], h + tap * row.wide + vector * lanes); });
        transform_filter<lanes, Tile::a_w, Tile::r_w>(g, u[vector]);
      });
      unrolled<count * tiles>([&](auto at) RACELINE_LAMBDA {
        constexpr int position = at / tiles, tile = at % tiles;
        const float factor = a[position * row.input_step + tile * lanes];
        unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
          sums[position][tile][vector] += factor * u[vector][first + position];
        });
      });
      h += row.filter_step;
      ++a;
    }
    a += (tiles - 1) * lanes;
  }
  unrolled<count * tiles * vectors>([&](auto at) RACELINE_LAMBDA {
    constexpr int position = at / vectors / tiles, tile = at / vectors % tiles, vector = at % vectors;
    store<lanes>(m + (first + position) * row.output_step + tile * row.wide + vector * lanes,
                 sums[position][tile][vector]);
  });
}

/// All positions of a row for all vectors of a block of filters, as many at a time as there are registers
/// for.
template <class Tile, int vectors, int tiles>
void run_lazy_row(const LazyRow& row, const float* h, const float* v, const float* ahead, float* m) {
  constexpr int together = std::min(vectors, Tile::lanes == 16 ? 2 : 1), half = Tile::a_w / 2;
  run_with_lanes<Tile::lanes>([&]() RACELINE_LAMBDA {
    const float* rest = ahead != nullptr && row.wide > 16 ? ahead + 16 : nullptr;
    for (int filter = 0; filter < vectors * Tile::lanes; filter += together * Tile::lanes) {
      multiply_lazy<Tile, tiles, 0, together>(row, h + filter, v, filter == 0 ? ahead : nullptr, m + filter);
      multiply_lazy<Tile, tiles, half, together>(row, h + filter, v, filter == 0 ? rest : nullptr,
                                                 m + filter);
    }
  });
}

/// For 1, 2, ... tiles.
template <class Tile, int vectors>
constexpr auto lazy_rows = []<int... tile>(std::integer_sequence<int, tile...>) {
  return std::array<void (*)(const LazyRow&, const float*, const float*, const float*, float*),
                    sizeof...(tile)>{run_lazy_row<Tile, vectors, tile + 1>...};
}
(std::make_integer_sequence<int, lazy_tiles>{});

}  // namespace raceline
