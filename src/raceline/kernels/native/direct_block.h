// The innermost loops of the direct convolution. For each channel one or two vectors of filters are loaded
// and multiplied by one number of each pixel: with AVX-512 28 multiply-adds for 16 loads.
#pragma once
#include <algorithm>
#include <utility>

#include "raceline/kernels/native/direct.h"
#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"

namespace raceline {

/// Multiples of a step. Odd ones are in registers, and the addressing modes of the processor double those:
/// with 14 pointers, or 13 products, there would be no registers left for the addresses.
struct DirectSteps {
  int64_t odd[7];

  explicit RACELINE_INLINE DirectSteps(int64_t step)
      : odd{step, 3 * step, 5 * step, 7 * step, 9 * step, 11 * step, 13 * step} {}
  /// Keeps the compiler from computing multiples before the loop.
  template <int count>
  RACELINE_INLINE void hold() {
#if RACELINE_X86
    unrolled<count / 2>([&](auto at) RACELINE_LAMBDA { asm("" : "+r"(odd[at])); });
#endif
  }
  template <int multiple>
  RACELINE_INLINE int64_t of() const {
    if constexpr (multiple == 0) {
      return 0;
    } else if constexpr (multiple % 2 == 0) {
      return 2 * of<multiple / 2>();
    } else {
      return odd[multiple / 2];
    }
  }
};

RACELINE_INLINE const float* bytes_on(const float* from, int64_t bytes) {
  return reinterpret_cast<const float*>(reinterpret_cast<const char*>(from) + bytes);
}
RACELINE_INLINE float* bytes_on(float* from, int64_t bytes) {
  return reinterpret_cast<float*>(reinterpret_cast<char*>(from) + bytes);
}

/// Lanes [first, first + part) of a vector.
template <int lanes, int part, int first>
RACELINE_INLINE void take_part(const Vec<lanes>& from, Vec<part>& to) {
  [&]<int... at>(std::integer_sequence<int, at...>) RACELINE_LAMBDA {
    to = __builtin_shufflevector(from, from, (first + at)...);
  }
  (std::make_integer_sequence<int, part>{});
}

template <int lanes>
RACELINE_INLINE void add_from(const float* from, Vec<lanes>& sum) {
  Vec<lanes> other;
  load<lanes>(other, from);
  sum += other;
}

/// Calls body(vector, pixel, offset) for all sums of a block; offsets count in bytes from the first pixel.
template <int pixels, int vectors, class Body>
RACELINE_INLINE void for_sums(const DirectBlock& block, const Body& body) {
  int64_t offset = 0;
  unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto vector) RACELINE_LAMBDA { body(vector, pixel, offset); });
    offset += block.y_step;
  });
}

/// Sums of finished pixels into the output.
template <int lanes, int pixels, int vectors>
RACELINE_INLINE void store_block(const DirectBlock& block, float* y, const float* residual,
                                 Vec<lanes> (&sums)[pixels][vectors]) {
  constexpr int half = std::min(lanes, 8);
  const bool halves = lanes == 16 && block.halves, partial = block.last_used < lanes;
  if (residual != nullptr) {
    for_sums<pixels, vectors>(block, [&](auto vector, auto pixel, int64_t offset) RACELINE_LAMBDA {
      if (halves || (partial && vector == vectors - 1)) {
        alignas(64) float others[lanes] = {};
        if (halves) {
          unrolled<lanes / half>([&](auto part) RACELINE_LAMBDA {
            constexpr int run = vector * 2 + part;
            if (run >= block.run_count) return;
            Vec<half> other;
            load<half>(other, bytes_on(residual, offset + block.runs[run]));
            store<half>(others + part * half, other);
          });
        } else {
          copy_floats<lanes>(bytes_on(residual, offset + block.runs[vector]), others, block.last_used);
        }
        add_from<lanes>(others, sums[pixel][vector]);
      } else {
        add_from<lanes>(bytes_on(residual, offset + block.runs[vector]), sums[pixel][vector]);
      }
    });
  }
  unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto vector)
                          RACELINE_LAMBDA { bound<lanes>(sums[pixel][vector], block.low, block.high); });
  });
  if (halves) {
    for_sums<pixels, vectors>(block, [&](auto vector, auto pixel, int64_t offset) RACELINE_LAMBDA {
      unrolled<lanes / half>([&](auto part) RACELINE_LAMBDA {
        constexpr int run = vector * 2 + part;
        if (run >= block.run_count) return;
        Vec<half> some;
        take_part<lanes, half, part * half>(sums[pixel][vector], some);
        store<half>(bytes_on(y, offset + block.runs[run]), some);
      });
    });
  } else if (partial) {
    for_sums<pixels, vectors>(block, [&](auto vector, auto pixel, int64_t offset) RACELINE_LAMBDA {
      float* to = bytes_on(y, offset + block.runs[vector]);
      if constexpr (vector == vectors - 1) {
        alignas(64) float some[lanes];
        store<lanes>(some, sums[pixel][vector]);
        copy_floats<lanes>(some, to, block.last_used);
      } else {
        store<lanes>(to, sums[pixel][vector]);
      }
    });
  } else {
    for_sums<pixels, vectors>(block, [&](auto vector, auto pixel, int64_t offset) RACELINE_LAMBDA {
      store<lanes>(bytes_on(y, offset + block.runs[vector]), sums[pixel][vector]);
    });
  }
}

/// Adds the products with channels and pixels that lie any steps apart.
template <int lanes, int pixels, int vectors>
RACELINE_INLINE void add_channels(const DirectBlock& block, const float* first,
                                  Vec<lanes> (&sums)[pixels][vectors]) {
  DirectSteps steps(block.pixel_step);
  const float* filters = block.filters;
  for (int64_t segment = 0; segment < block.segment_count; ++segment) {
    const float* x = bytes_on(first, block.segments[segment]);
    const int64_t channels = segment < block.whole_segments ? block.length : block.last_length;
    for (int64_t channel = channels; channel > 0; --channel) {
      steps.hold<pixels>();
      Vec<lanes> factors[vectors];
      unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
        load<lanes>(factors[vector], filters + vector * lanes);
        keep<lanes>(factors[vector]);
      });
      unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
        const float input = *bytes_on(x, steps.of<pixel>());
        unrolled<vectors>([&](auto vector)
                              RACELINE_LAMBDA { sums[pixel][vector] += input * factors[vector]; });
      });
      x = bytes_on(x, block.channel_step);
      filters += vectors * lanes;
    }
  }
}

/// Adds the products with channels that come in whole vectors, pixels `stride` of them apart: then the
/// offsets of pixels are constants. Sums begin with what `tile` holds and end there.
template <int lanes, int pixels, int vectors, int stride>
RACELINE_INLINE void add_vectors(const DirectBlock& block, const float* first, Prefetch ahead, float* tile) {
  Vec<lanes> sums[pixels][vectors];
  unrolled<pixels * vectors>(
      [&](auto at) RACELINE_LAMBDA { load<lanes>(sums[at / vectors][at % vectors], tile + at * lanes); });
  const float* filters = block.filters;
  const int64_t* const segments = block.segments;
  const int64_t count = block.segment_count;
  for (int64_t segment = 0; segment < count; ++segment) {
    const float* x = bytes_on(first, segments[segment]);
    for (int64_t channel = 0; channel < lanes; channel += 4) {
      unrolled<4>([&](auto next) RACELINE_LAMBDA {
        ahead.next();
        Vec<lanes> factors[vectors];
        unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
          load<lanes>(factors[vector], filters + (next * vectors + vector) * lanes);
        });
        unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
          const float input = x[pixel * stride * lanes + next];
          unrolled<vectors>([&](auto vector)
                                RACELINE_LAMBDA { sums[pixel][vector] += input * factors[vector]; });
        });
      });
      x += 4;
      filters += 4 * vectors * lanes;
    }
  }
  unrolled<pixels * vectors>(
      [&](auto at) RACELINE_LAMBDA { store<lanes>(tile + at * lanes, sums[at / vectors][at % vectors]); });
}

/// A function of its own, in which the compiler has nothing else to find registers for.
template <int lanes, int pixels, int vectors, int stride>
[[gnu::noinline]] void run_add_vectors(const DirectBlock& block, const float* first, Prefetch ahead,
                                       float* tile) {
  run_with_lanes<lanes>(
      [&]() RACELINE_LAMBDA { add_vectors<lanes, pixels, vectors, stride>(block, first, ahead, tile); });
}

/// Whether add_vectors() is for the block, and its products are so many that it pays.
inline bool has_vectors(const DirectBlock& block, int lanes, int stride) {
  return block.channel_step == 4 && block.pixel_step == int64_t{4} * stride * lanes &&
         block.length == lanes && block.whole_segments == block.segment_count && block.segment_count >= 8;
}

/// by_vectors: with add_vectors().
template <int lanes, int pixels, int vectors, bool by_vectors>
RACELINE_INLINE void direct_block(const DirectBlock& task) {
  const DirectBlock block = task;  // a copy, which no output can alias
  const auto add = has_vectors(block, lanes, 1) ? run_add_vectors<lanes, pixels, vectors, 1>
                                                : run_add_vectors<lanes, pixels, vectors, 2>;
  const float* first = block.x;
  float* y = block.y;
  const float* residual = block.residual;
  for (int64_t at = 0; at < block.count; ++at) {
    Vec<lanes> sums[pixels][vectors] = {};
    unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
      Vec<lanes> bias;
      load<lanes>(bias, block.bias + vector * lanes);
      unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA { sums[pixel][vector] = bias; });
    });
    if constexpr (by_vectors) {
      alignas(64) float tile[pixels * vectors * lanes];
      unrolled<pixels * vectors>([&](auto index) RACELINE_LAMBDA {
        store<lanes>(tile + index * lanes, sums[index / vectors][index % vectors]);
      });
      Prefetch ahead;
      if (block.next != nullptr)
        ahead = Prefetch::part(block.next, vectors * lanes, block.segment_count * lanes, block.index + at);
      add(block, first, ahead, tile);
      unrolled<pixels * vectors>([&](auto index) RACELINE_LAMBDA {
        load<lanes>(sums[index / vectors][index % vectors], tile + index * lanes);
      });
    } else {
      add_channels<lanes, pixels, vectors>(block, first, sums);
    }
    if (block.tile != nullptr) {
      unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
        unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
          store<lanes>(block.tile + (pixel * vectors + vector) * lanes, sums[pixel][vector]);
        });
      });
    } else {
      store_block<lanes, pixels, vectors>(block, y, residual, sums);
    }
    first = bytes_on(first, pixels * block.pixel_step);
    y = bytes_on(y, pixels * block.y_step);
    if (residual != nullptr) residual = bytes_on(residual, pixels * block.y_step);
  }
}

template <int lanes, int pixels, int vectors>
void run_direct_block(const DirectBlock& block) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA {
    if (has_vectors(block, lanes, 1) || has_vectors(block, lanes, 2)) {
      direct_block<lanes, pixels, vectors, true>(block);
    } else {
      direct_block<lanes, pixels, vectors, false>(block);
    }
  });
}

/// Exchanges rows and columns of a square of vectors, pairs of squares of 1, 2, 4, ... at a time.
template <int lanes, int size = 1>
RACELINE_INLINE void transpose_vectors(Vec<lanes> (&rows)[lanes]) {
  if constexpr (size < lanes) {
    unrolled<lanes>([&](auto at) RACELINE_LAMBDA {
      if constexpr (at % (2 * size) < size) {
        [&]<int... lane>(std::integer_sequence<int, lane...>) RACELINE_LAMBDA {
          const Vec<lanes> a = rows[at], b = rows[at + size];
          rows[at] = __builtin_shufflevector(a, b, ((lane & size) != 0 ? lanes + lane - size : lane)...);
          rows[at + size] =
              __builtin_shufflevector(a, b, ((lane & size) != 0 ? lanes + lane : lane + size)...);
        }
        (std::make_integer_sequence<int, lanes>{});
      }
    });
    transpose_vectors<lanes, 2 * size>(rows);
  }
}

/// Writes up to `lanes` pixels of up to `lanes` filters whose pixels lie side by side (nchw).
template <int lanes>
RACELINE_INLINE void finish_planes(const DirectTile& tile, int64_t filter, int64_t pixel) {
  Vec<lanes> rows[lanes] = {};
  const int64_t pixels = tile.pixels - pixel < lanes ? tile.pixels - pixel : lanes;
  unrolled<lanes>([&](auto at) RACELINE_LAMBDA {
    if (at < pixels) load<lanes>(rows[at], tile.sums + (pixel + at) * tile.width + filter);
  });
  transpose_vectors<lanes>(rows);
  unrolled<lanes>([&](auto at) RACELINE_LAMBDA {
    if (filter + at >= tile.filters) return;
    const int64_t offset = (filter + at) * tile.filter_step + pixel;
    alignas(64) float some[lanes];
    if (tile.residual != nullptr) {
      Vec<lanes> other = {};
      for (int64_t i = 0; i < pixels; ++i) some[i] = tile.residual[offset + i];
      for (int64_t i = pixels; i < lanes; ++i) some[i] = 0;
      load<lanes>(other, some);
      rows[at] += other;
    }
    bound<lanes>(rows[at], tile.low, tile.high);
    if (pixels == lanes) {
      store<lanes>(tile.y + offset, rows[at]);
    } else {
      store<lanes>(some, rows[at]);
      copy_floats<lanes>(some, tile.y + offset, pixels);
    }
  });
}

template <int lanes>
RACELINE_INLINE void direct_finish(const DirectTile& tile) {
  if (tile.filter_step != 1) {
    for (int64_t filter = 0; filter < tile.filters; filter += lanes) {
      for (int64_t pixel = 0; pixel < tile.pixels; pixel += lanes) finish_planes<lanes>(tile, filter, pixel);
    }
    return;
  }
  for (int64_t pixel = 0; pixel < tile.pixels; ++pixel) {
    const float* sums = tile.sums + pixel * tile.width;
    for (int64_t filter = 0; filter < tile.filters; ++filter) {
      const int64_t offset = pixel * tile.pixel_step + filter;
      float value = sums[filter];
      if (tile.residual != nullptr) value += tile.residual[offset];
      value = value < tile.low ? tile.low : value;
      tile.y[offset] = value > tile.high ? tile.high : value;
    }
  }
}

template <int lanes>
void run_direct_finish(const DirectTile& tile) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { direct_finish<lanes>(tile); });
}

}  // namespace raceline
