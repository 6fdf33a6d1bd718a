// The innermost loops of products with sparse weights, for one vector width: sums over the weights that are
// not zero, with the sums of a tile in registers.
#pragma once
#include <array>

#include "raceline/kernels/native/fused_epilogue.h"

namespace raceline {

/// A weight and where its input element is, from that of pixel 0.
struct SparseEntry {
  int32_t offset;
  float value;
};

/// Element by element: vectors are pixels. Sums of filters [first, last) at a tile of pixels.
struct CsrTask {
  const float* x;  ///< planes at the first pixel of the tile
  const SparseEntry* entries;
  const uint32_t* rows;  ///< filter f has entries [rows[f], rows[f + 1])
  int64_t first, last;
  float* out;         ///< of filter `first`
  int64_t out_step;   ///< from filter to filter
  const float* bias;  ///< of filter 0; nullptr: 0
  bool begins, ends;  ///< of the sums; else they lie in `out`, and are left there
  float low, high;    ///< bounds of finished sums
};
using CsrProduct = void (*)(const CsrTask& task);

/// Block by block: vectors are 16 filters. Sums of one block of filters at a tile of pixels.
struct BlockTask {
  const float* x;          ///< as above
  const int32_t* offsets;  ///< where the input element of each block is
  const float* values;     ///< 16 of each block, aligned
  int64_t count;           ///< blocks
  float* out;              ///< [pixel][16]
  const float* bias;       ///< 16
  float low, high;         ///< bounds of finished sums
};
using BlockProduct = void (*)(const BlockTask& task);

/// Vectors of pixels of the largest tile.
inline constexpr int csr_vectors = 8;
/// Pixels of a tile of blocks, for a vector width: the sums, the weights and a broadcast fill the registers.
template <int lanes>
inline constexpr int block_pixels = lanes == 16  ? 28
                                    : lanes == 8 ? 6
                                                 : 2;

/// Few sums wait for each other: several entries are added up apart, such that eight additions are under way.
template <int lanes, int vectors>
RACELINE_INLINE void csr_product(const CsrTask& task) {
  constexpr int chains = vectors >= 5 ? 1 : vectors >= 3 ? 2 : 4;
  float* out = task.out;
  for (int64_t filter = task.first; filter < task.last; ++filter, out += task.out_step) {
    Vec<lanes> sums[chains][vectors] = {};
    if (!task.begins) {
      unrolled<vectors>([&](auto v) RACELINE_LAMBDA { load<lanes>(sums[0][v], out + v * lanes); });
    } else if (task.bias != nullptr) {
      const Vec<lanes> bias = task.bias[filter] - Vec<lanes>{};
      unrolled<vectors>([&](auto v) RACELINE_LAMBDA { sums[0][v] = bias; });
    }
    const SparseEntry* entry = task.entries + task.rows[filter];
    const SparseEntry* const end = task.entries + task.rows[filter + 1];
    const auto add = [&](int at, Vec<lanes>(&to)[vectors]) RACELINE_LAMBDA {
      const float* from = task.x + entry[at].offset;
      const float value = entry[at].value;
      unrolled<vectors>([&](auto v) RACELINE_LAMBDA {
        Vec<lanes> x;
        load<lanes>(x, from + v * lanes);
        to[v] += value * x;
      });
    };
    for (; end - entry >= chains; entry += chains)
      unrolled<chains>([&](auto chain) RACELINE_LAMBDA { add(chain, sums[chain]); });
    if constexpr (chains > 1) {
      for (; entry < end; ++entry) add(0, sums[0]);
    }
    unrolled<vectors>([&](auto v) RACELINE_LAMBDA {
      Vec<lanes> sum = sums[0][v];
      if constexpr (chains == 2) sum += sums[1][v];
      if constexpr (chains == 4) sum += sums[1][v] + (sums[2][v] + sums[3][v]);
      if (task.ends) bound<lanes>(sum, task.low, task.high);
      store<lanes>(out + v * lanes, sum);
    });
  }
}

template <int lanes, int pixels>
RACELINE_INLINE void block_product(const BlockTask& task) {
  constexpr int vectors = 16 / lanes;
  constexpr int chains = pixels * vectors >= 6 ? 1 : pixels * vectors >= 3 ? 2 : 4;
  Vec<lanes> sums[chains][pixels][vectors] = {};
  unrolled<vectors>([&](auto v) RACELINE_LAMBDA {
    Vec<lanes> bias;
    load<lanes>(bias, task.bias + v * lanes);
    unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA { sums[0][pixel][v] = bias; });
  });
  const auto add = [&](int64_t block, Vec<lanes>(&to)[pixels][vectors]) RACELINE_LAMBDA {
    Vec<lanes> weights[vectors];
    unrolled<vectors>([&](auto v)
                          RACELINE_LAMBDA { load<lanes>(weights[v], task.values + block * 16 + v * lanes); });
    const float* x = task.x + task.offsets[block];
    unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
      const float value = x[pixel];
      unrolled<vectors>([&](auto v) RACELINE_LAMBDA { to[pixel][v] += value * weights[v]; });
    });
  };
  int64_t block = 0;
  for (; block + chains <= task.count; block += chains)
    unrolled<chains>([&](auto chain) RACELINE_LAMBDA { add(block + chain, sums[chain]); });
  if constexpr (chains > 1) {
    for (; block < task.count; ++block) add(block, sums[0]);
  }
  unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto v) RACELINE_LAMBDA {
      Vec<lanes> sum = sums[0][pixel][v];
      if constexpr (chains == 2) sum += sums[1][pixel][v];
      if constexpr (chains == 4) sum += sums[1][pixel][v] + (sums[2][pixel][v] + sums[3][pixel][v]);
      bound<lanes>(sum, task.low, task.high);
      store<lanes>(task.out + pixel * 16 + v * lanes, sum);
    });
  });
}

template <int lanes, int vectors>
void run_csr_product(const CsrTask& task) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { csr_product<lanes, vectors>(task); });
}
template <int lanes, int pixels>
void run_block_product(const BlockTask& task) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { block_product<lanes, pixels>(task); });
}

/// The kernels of one vector width: for each number of vectors of pixels, and of pixels, from 1 on.
struct SparseProducts {
  int lanes = 0;
  int block_tile = 0;  ///< pixels that block_products go up to
  std::array<CsrProduct, csr_vectors> csr{};
  std::array<BlockProduct, 28> block{};
};

template <int lanes>
SparseProducts sparse_products() {
  SparseProducts products{.lanes = lanes, .block_tile = block_pixels<lanes>};
  [&]<int... at>(std::integer_sequence<int, at...>) {
    ((products.csr[at] = run_csr_product<lanes, at + 1>), ...);
  }
  (std::make_integer_sequence<int, csr_vectors>{});
  [&]<int... at>(std::integer_sequence<int, at...>) {
    ((products.block[at] = run_block_product<lanes, at + 1>), ...);
  }
  (std::make_integer_sequence<int, block_pixels<lanes>>{});
  return products;
}
extern template SparseProducts sparse_products<16>();
extern template SparseProducts sparse_products<8>();
extern template SparseProducts sparse_products<4>();

}  // namespace raceline
