// A tile of 16 x 16 (AVX-512) or 8 x 8 (AVX2) elements is transposed in registers: pairs, fours, and then
// lanes of four are exchanged. Tiles at the edges are loaded and stored under masks.
#include "raceline/kernels/native/transpose_tiles.h"

#include <algorithm>
#include <cstring>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"
#if RACELINE_X86
#include <immintrin.h>
#endif

namespace raceline {
namespace {

/// Columns that are read before the next rows: their lines of the output stay in the cache until they are
/// full. Where output rows lie so far apart that they share few sets of the cache they don't stay: then as
/// few columns as a tile has, whose output rows are written from front to back.
constexpr int64_t column_block = 64;
constexpr int64_t shared_sets = 1024 / sizeof(float);

/// One tile, or a part of one at an edge: `fill` is the number of elements written to each output row.
using Tile = void (*)(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                      int64_t columns, int64_t fill);

void plain_tile(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                int64_t columns, int64_t fill) {
  for (int64_t c = 0; c < columns; ++c) {
    for (int64_t r = 0; r < rows; ++r) to[c * to_stride + r] = from[r * from_stride + c];
    for (int64_t r = rows; r < fill; ++r) to[c * to_stride + r] = 0;
  }
}

#if RACELINE_X86
RACELINE_AVX2_REGION

inline __m256i mask_of(int64_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(static_cast<int>(count)),
                            _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

void tile_8(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
            int64_t columns, int64_t fill) {
  __m256 a[8], b[8];
  if (rows == 8 && columns == 8) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) a[i] = _mm256_loadu_ps(from + i * from_stride);
  } else {
    const __m256i mask = mask_of(columns);
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      a[i] = i < rows ? _mm256_maskload_ps(from + i * from_stride, mask) : _mm256_setzero_ps();
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    b[i] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x20);
    b[i + 4] = _mm256_permute2f128_ps(a[i], a[i + 4], 0x31);
  }
  if (columns == 8 && fill == 8) {
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) _mm256_storeu_ps(to + i * to_stride, b[i]);
    return;
  }
  const __m256i mask = mask_of(fill);
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) {
    if (i < columns) _mm256_maskstore_ps(to + i * to_stride, mask, b[i]);
  }
}

RACELINE_END_REGION
// GCC 12 warns of its own header: the value that a shuffle without mask leaves undefined (GCC bug 105593).
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif
RACELINE_AVX512_REGION

void tile_16(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
             int64_t columns, int64_t fill) {
  __m512 a[16], b[16];
  if (rows == 16 && columns == 16) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) a[i] = _mm512_loadu_ps(from + i * from_stride);
  } else {
    const auto mask = static_cast<__mmask16>((1u << columns) - 1);
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      a[i] = i < rows ? _mm512_maskz_loadu_ps(mask, from + i * from_stride) : _mm512_setzero_ps();
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < 16; i += 2) {
    b[i] = _mm512_unpacklo_ps(a[i], a[i + 1]);
    b[i + 1] = _mm512_unpackhi_ps(a[i], a[i + 1]);
  }
  // Now a[4g + j] holds columns 4l + j of rows 4g to 4g + 3, one column in each lane l.
#pragma GCC unroll 4
  for (int i = 0; i < 16; i += 4) {
    a[i] = _mm512_shuffle_ps(b[i], b[i + 2], 0x44);
    a[i + 1] = _mm512_shuffle_ps(b[i], b[i + 2], 0xee);
    a[i + 2] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0x44);
    a[i + 3] = _mm512_shuffle_ps(b[i + 1], b[i + 3], 0xee);
  }
  // A 4 x 4 transposition of lanes for each j.
#pragma GCC unroll 4
  for (int j = 0; j < 4; ++j) {
    const __m512 even_low = _mm512_shuffle_f32x4(a[j], a[j + 4], 0x88);
    const __m512 odd_low = _mm512_shuffle_f32x4(a[j], a[j + 4], 0xdd);
    const __m512 even_high = _mm512_shuffle_f32x4(a[j + 8], a[j + 12], 0x88);
    const __m512 odd_high = _mm512_shuffle_f32x4(a[j + 8], a[j + 12], 0xdd);
    b[j] = _mm512_shuffle_f32x4(even_low, even_high, 0x88);
    b[j + 4] = _mm512_shuffle_f32x4(odd_low, odd_high, 0x88);
    b[j + 8] = _mm512_shuffle_f32x4(even_low, even_high, 0xdd);
    b[j + 12] = _mm512_shuffle_f32x4(odd_low, odd_high, 0xdd);
  }
  if (columns == 16 && fill == 16) {
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) _mm512_storeu_ps(to + i * to_stride, b[i]);
    return;
  }
  const auto mask = static_cast<__mmask16>((1u << fill) - 1);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) {
    if (i < columns) _mm512_mask_storeu_ps(to + i * to_stride, mask, b[i]);
  }
}

RACELINE_END_REGION
#pragma GCC diagnostic pop
#endif

struct TileKind {
  Tile tile;
  int64_t side;
};

TileKind choose_tile(int64_t rows, int64_t columns) {
#if RACELINE_X86
  const Isa isa = best_isa();
  if (isa == Isa::avx512 && rows > 8 && columns > 8) return {tile_16, 16};
  if (isa != Isa::baseline) return {tile_8, 8};
#endif
  (void)rows;
  (void)columns;
  return {plain_tile, 16};
}

/// `count` rows that become neighbours of each other, and back: no tile is filled by so few.
template <int count>
void interleave(const float* from, int64_t stride, float* to, int64_t columns) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t c = 0; c < columns; ++c) {
      for (int r = 0; r < count; ++r) to[c * count + r] = from[r * stride + c];
    }
  });
}
template <int count>
void part(const float* from, float* to, int64_t stride, int64_t rows) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t r = 0; r < rows; ++r) {
      for (int c = 0; c < count; ++c) to[c * stride + r] = from[r * count + c];
    }
  });
}

/// Whether it was one of these.
bool transpose_few(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
                   int64_t columns) {
  if (rows == to_stride && columns >= 16) {
    if (rows == 2) return interleave<2>(from, from_stride, to, columns), true;
    if (rows == 3) return interleave<3>(from, from_stride, to, columns), true;
    if (rows == 4) return interleave<4>(from, from_stride, to, columns), true;
  }
  if (columns == from_stride && rows >= 16) {
    if (columns == 2) return part<2>(from, to, to_stride, rows), true;
    if (columns == 3) return part<3>(from, to, to_stride, rows), true;
    if (columns == 4) return part<4>(from, to, to_stride, rows), true;
  }
  return false;
}

}  // namespace

void transpose(const float* from, int64_t from_stride, float* to, int64_t to_stride, int64_t rows,
               int64_t columns, int64_t lanes) {
  if (lanes == 0 && ((rows == 1 && to_stride == 1) || (columns == 1 && from_stride == 1))) {
    std::memcpy(to, from, static_cast<size_t>(rows * columns) * sizeof(float));
    return;
  }
  if (lanes == 0 && transpose_few(from, from_stride, to, to_stride, rows, columns)) return;
  const auto [tile, side] = choose_tile(std::max(rows, lanes), columns);
  const int64_t block = to_stride % shared_sets == 0 ? side : column_block;
  for (int64_t left = 0; left < columns; left += block) {
    const int64_t right = std::min(left + block, columns);
    for (int64_t top = 0; top < std::max(rows, lanes); top += side) {
      const int64_t tile_rows = std::clamp<int64_t>(rows - top, 0, side);
      const int64_t fill = lanes == 0 ? tile_rows : std::min(side, lanes - top);
      // A tile without rows only writes zeros; its source isn't read.
      const float* row = from + std::min(top, rows) * from_stride;
      for (int64_t column = left; column < right; column += side) {
        tile(row + column, from_stride, to + column * to_stride + top, to_stride, tile_rows,
             std::min(side, right - column), fill);
      }
    }
  }
}

void transpose_batch(const float* from, float* to, int64_t batch, int64_t rows, int64_t columns,
                     int threads) {
  // The longer side is cut.
  const bool by_rows = rows > columns;
  const int64_t length = by_rows ? rows : columns;
  const int64_t parts = std::max<int64_t>(1, std::min<int64_t>(threads, length / column_block));
  const int64_t work = std::max<int64_t>(1, rows * columns / parts);
  parallel_slices(threads, batch * parts, 1, 8192 / work, [&](Slice slice, int) {
    for (int64_t index = slice.first; index < slice.last; ++index) {
      const Slice part = slice_of(length, index % parts, parts, column_block);
      const int64_t at = index / parts * rows * columns;
      if (by_rows) {
        transpose(from + at + part.first * columns, columns, to + at + part.first, rows, part.size(),
                  columns);
      } else {
        transpose(from + at + part.first, columns, to + at + part.first * rows, rows, rows, part.size());
      }
    }
  });
}

}  // namespace raceline
