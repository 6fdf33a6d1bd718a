// Vectors of results stay in registers while the elements behind them are read once, front to back. Of rows
// that are reduced to one element (inner is 1) several vectors of partial results are kept.
#include "raceline/kernels/native/reduce_rows.h"

#include <algorithm>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/lanes.h"

namespace raceline {
namespace {

/// Vectors of results at work: as many as additions that can be under way.
constexpr int vectors = 8;

template <RowReduction reduction, class T>
RACELINE_INLINE void take(T& all, const T& x) {
  if constexpr (reduction == RowReduction::sum) {
    all += x;
  } else if constexpr (reduction == RowReduction::sum_abs) {
    all += x < 0 ? -x : x;
  } else if constexpr (reduction == RowReduction::sum_square) {
    all += x * x;
  } else if constexpr (reduction == RowReduction::max) {
    all = (all > x) | (all != all) ? all : x;
  } else {
    all = (all < x) | (all != all) ? all : x;
  }
}

/// Two partial results become one.
template <RowReduction reduction, class T>
RACELINE_INLINE void join(T& all, const T& other) {
  constexpr bool sums = reduction != RowReduction::max && reduction != RowReduction::min;
  take<sums ? RowReduction::sum : reduction>(all, other);
}

/// The first element of a reduction.
template <RowReduction reduction, class T>
RACELINE_INLINE void begin(T& all, const T& x) {
  if constexpr (reduction == RowReduction::max || reduction == RowReduction::min) {
    all = x;
  } else {
    all = T{};
    take<reduction>(all, x);
  }
}

/// `width` vectors of results, of elements that lie `step` apart.
template <RowReduction reduction, int lanes, int width>
RACELINE_INLINE void reduce_columns(const float* x, int64_t count, int64_t step, float factor, float* y) {
  Vec<lanes> all[width];
  unrolled<width>([&](auto v) RACELINE_LAMBDA {
    Vec<lanes> first;
    load<lanes>(first, x + v * lanes);
    begin<reduction>(all[v], first);
  });
  for (int64_t i = 1; i < count; ++i) {
    x += step;
    unrolled<width>([&](auto v) RACELINE_LAMBDA {
      Vec<lanes> element;
      load<lanes>(element, x + v * lanes);
      take<reduction>(all[v], element);
    });
  }
  unrolled<width>([&](auto v) RACELINE_LAMBDA {
    const Vec<lanes> result = all[v] * factor;
    store<lanes>(y + v * lanes, result);
  });
}

template <RowReduction reduction>
RACELINE_INLINE float reduce_column(const float* x, int64_t count, int64_t step) {
  float all;
  begin<reduction>(all, *x);
  for (int64_t i = 1; i < count; ++i) take<reduction>(all, x[i * step]);
  return all;
}

/// One row of neighbours.
template <RowReduction reduction, int lanes>
RACELINE_INLINE float reduce_row(const float* x, int64_t count) {
  constexpr int width = 4;
  if (count < lanes) return reduce_column<reduction>(x, count, 1);
  Vec<lanes> all[width];
  int64_t at = lanes;
  Vec<lanes> element;
  load<lanes>(element, x);
  begin<reduction>(all[0], element);
  if (count >= width * lanes) {
    unrolled<width - 1>([&](auto v) RACELINE_LAMBDA {
      load<lanes>(element, x + (v + 1) * lanes);
      begin<reduction>(all[v + 1], element);
    });
    for (at = width * lanes; at + width * lanes <= count; at += width * lanes) {
      unrolled<width>([&](auto v) RACELINE_LAMBDA {
        Vec<lanes> more;
        load<lanes>(more, x + at + v * lanes);
        take<reduction>(all[v], more);
      });
    }
    join<reduction>(all[0], all[1]);
    join<reduction>(all[2], all[3]);
    join<reduction>(all[0], all[2]);
  }
  for (; at + lanes <= count; at += lanes) {
    load<lanes>(element, x + at);
    take<reduction>(all[0], element);
  }
  float parts[lanes];
  store<lanes>(parts, all[0]);
  for (int half = lanes / 2; half > 0; half /= 2) {
    for (int i = 0; i < half; ++i) join<reduction>(parts[i], parts[i + half]);
  }
  for (; at < count; ++at) take<reduction>(parts[0], x[at]);
  return parts[0];
}

struct Rows {
  const float* x;
  int64_t count, inner;
  float factor;
  float* y;
};

/// Units: rows, or (where inner is above 1) blocks of `vectors` vectors of results.
template <RowReduction reduction, int lanes>
RACELINE_INLINE void reduce_units(const Rows& rows, Slice units) {
  if (rows.inner == 1) {
    for (int64_t row = units.first; row < units.last; ++row)
      rows.y[row] = rows.factor * reduce_row<reduction, lanes>(rows.x + row * rows.count, rows.count);
    return;
  }
  constexpr int64_t wide = int64_t{vectors} * lanes;
  const int64_t blocks = (rows.inner + wide - 1) / wide;
  for (int64_t unit = units.first; unit < units.last; ++unit) {
    const int64_t outer = unit / blocks, last = std::min(rows.inner, (unit % blocks + 1) * wide);
    const float* x = rows.x + outer * rows.count * rows.inner;
    float* y = rows.y + outer * rows.inner;
    int64_t at = unit % blocks * wide;
    if (at + wide == last) {
      reduce_columns<reduction, lanes, vectors>(x + at, rows.count, rows.inner, rows.factor, y + at);
      continue;
    }
    for (; at + 2 * lanes <= last; at += 2 * lanes)
      reduce_columns<reduction, lanes, 2>(x + at, rows.count, rows.inner, rows.factor, y + at);
    for (; at + 4 <= last; at += 4)
      reduce_columns<reduction, 4, 1>(x + at, rows.count, rows.inner, rows.factor, y + at);
    for (; at < last; ++at) y[at] = rows.factor * reduce_column<reduction>(x + at, rows.count, rows.inner);
  }
}

template <RowReduction reduction, int lanes>
void run_units(const Rows& rows, Slice units) {
  run_with_lanes<lanes>([&]() RACELINE_LAMBDA { reduce_units<reduction, lanes>(rows, units); });
}

using Run = void (*)(const Rows& rows, Slice units);

template <int lanes>
Run find_run(RowReduction reduction) {
  switch (reduction) {
    case RowReduction::sum:
      return run_units<RowReduction::sum, lanes>;
    case RowReduction::sum_abs:
      return run_units<RowReduction::sum_abs, lanes>;
    case RowReduction::sum_square:
      return run_units<RowReduction::sum_square, lanes>;
    case RowReduction::max:
      return run_units<RowReduction::max, lanes>;
    case RowReduction::min:
      break;
  }
  return run_units<RowReduction::min, lanes>;
}

}  // namespace

void reduce_rows(RowReduction reduction, const float* x, int64_t outer, int64_t count, int64_t inner,
                 float factor, float* y, int threads) {
  const int lanes = lanes_of(best_isa());
  const Run run = lanes == 16  ? find_run<16>(reduction)
                  : lanes == 8 ? find_run<8>(reduction)
                               : find_run<4>(reduction);
  const int64_t wide = int64_t{vectors} * lanes;
  const int64_t blocks = inner == 1 ? 1 : (inner + wide - 1) / wide;
  const int64_t work = std::max<int64_t>(1, count * inner / blocks);
  const Rows rows{x, count, inner, factor, y};
  parallel_slices(threads, outer * blocks, 1, 16384 / work, [&](Slice units, int) { run(rows, units); });
}

}  // namespace raceline
