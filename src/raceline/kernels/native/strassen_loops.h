// The innermost loops of convolutions by Strassen's product.
#pragma once
#include <utility>

#include "raceline/kernels/native/fused_epilogue.h"
#include "raceline/kernels/native/lanes.h"
#include "raceline/kernels/native/strassen.h"

namespace raceline {

template <int lanes>
RACELINE_INLINE void add_from(const float* from, Vec<lanes>& sum) {
  Vec<lanes> other;
  load<lanes>(other, from);
  sum += other;
}

template <int lanes, int pixels, int vectors>
RACELINE_INLINE void add_products(const StrassenBlock& block, Vec<lanes> (&sums)[pixels][vectors]) {
  const float* filters = block.filters;
  Prefetch ahead = block.ahead;
  for (int64_t segment = 0; segment < block.segment_count; ++segment) {
    const float* x = block.x + block.segments[segment];
    for (int64_t left = lanes; left > 0; left -= 4) {
      unrolled<4>([&](auto channel) RACELINE_LAMBDA {
        ahead.next();
        Vec<lanes> factors[vectors];
        unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
          load<lanes>(factors[vector], filters + (channel * vectors + vector) * lanes);
        });
        unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
          const float input = x[pixel * lanes + channel];
          unrolled<vectors>([&](auto vector)
                                RACELINE_LAMBDA { sums[pixel][vector] += input * factors[vector]; });
        });
      });
      x += 4;
      filters += 4 * vectors * lanes;
    }
  }
}

template <int lanes, int pixels, int vectors>
RACELINE_INLINE void strassen_block(const StrassenBlock& task) {
  const StrassenBlock block = task;  // a copy, which no output can alias
  Vec<lanes> sums[pixels][vectors] = {};
  add_products<lanes, pixels, vectors>(block, sums);
  // The tile of `from` may be the one of `to`, never that of `other`.
  if (block.to != nullptr) {
    unrolled<pixels * vectors>([&](auto at) RACELINE_LAMBDA {
      Vec<lanes> sum = sums[at / vectors][at % vectors];
      if (block.from != nullptr) add_from<lanes>(block.from + at * lanes, sum);
      store<lanes>(block.to + at * lanes, sum);
    });
  }
  if (block.y == nullptr) return;
  unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
    unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
      Vec<lanes>& sum = sums[pixel][vector];
      add_from<lanes>(block.other + (pixel * vectors + vector) * lanes, sum);
      add_from<lanes>(block.bias + vector * lanes, sum);
    });
  });
  int64_t offset = 0;
  unrolled<pixels>([&](auto pixel) RACELINE_LAMBDA {
    unrolled<vectors>([&](auto vector) RACELINE_LAMBDA {
      const int64_t at = offset + block.runs[vector];
      Vec<lanes>& sum = sums[pixel][vector];
      if (block.residual != nullptr) add_from<lanes>(block.residual + at, sum);
      bound<lanes>(sum, block.low, block.high);
      store<lanes>(block.y + at, sum);
    });
    offset += block.y_step;
  });
}

template <int lanes, int pixels, int vectors>
void run_strassen_block(const StrassenBlock& block) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { strassen_block<lanes, pixels, vectors>(block); });
}

template <int lanes, bool copies>
RACELINE_INLINE void strassen_sums(const StrassenSums& task) {
  const StrassenSums sums = task;
  const auto add = [&](int64_t block, int64_t row, int64_t pixel) RACELINE_LAMBDA {
    const int64_t at = sums.offsets[block] + row * sums.row_step + pixel * sums.pixel_step;
    float* to = sums.to + block * sums.block_step + (row * sums.pixels + pixel) * lanes;
    const auto put = [&](StrassenFactor factor, const Vec<lanes>& value) RACELINE_LAMBDA {
      store<lanes>(to + static_cast<int64_t>(factor) * sums.factor_step, value);
    };
    Vec<lanes> q00, q01, q10, q11;
    load<lanes>(q00, sums.q00 + at);
    load<lanes>(q01, sums.q01 + at);
    load<lanes>(q10, sums.q10 + at);
    load<lanes>(q11, sums.q11 + at);
    const Vec<lanes> t1 = q01 - q00, t2 = q11 - t1;
    put(StrassenFactor::t1, t1);
    put(StrassenFactor::t2, t2);
    put(StrassenFactor::t3, q11 - q01);
    put(StrassenFactor::t4, t2 - q10);
    if constexpr (copies) {
      put(StrassenFactor::q00, q00);
      put(StrassenFactor::q10, q10);
      put(StrassenFactor::q11, q11);
    }
  };
  // As the image lies in memory.
  if (sums.blocks > 1 && sums.offsets[1] < sums.pixel_step) {
    for (int64_t row = 0; row < sums.rows; ++row) {
      for (int64_t pixel = 0; pixel < sums.pixels; ++pixel) {
        for (int64_t block = 0; block < sums.blocks; ++block) add(block, row, pixel);
      }
    }
  } else {
    for (int64_t block = 0; block < sums.blocks; ++block) {
      for (int64_t row = 0; row < sums.rows; ++row) {
        for (int64_t pixel = 0; pixel < sums.pixels; ++pixel) add(block, row, pixel);
      }
    }
  }
}

template <int lanes>
void run_strassen_sums(const StrassenSums& sums) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA {
    if (sums.copies) return strassen_sums<lanes, true>(sums);
    strassen_sums<lanes, false>(sums);
  });
}

template <int lanes>
StrassenLoops strassen_loops() {
  StrassenLoops loops{};
  const auto fill = [&]<int vectors, int... pixel>(std::integral_constant<int, vectors>,
                                                   std::integer_sequence<int, pixel...>) {
    ((loops.blocks[vectors - 1][pixel] = run_strassen_block<lanes, pixel + 1, vectors>), ...);
  };
  constexpr auto pixels = std::make_integer_sequence<int, strassen_pixels(lanes)>{};
  fill(std::integral_constant<int, 1>{}, pixels);
  fill(std::integral_constant<int, 2>{}, pixels);
  loops.sums = run_strassen_sums<lanes>;
  return loops;
}

}  // namespace raceline
