// Winograd's transforms of one tile for a vector of channels: along columns, then along rows. The even and
// odd parts of each pair of points are computed once.
#pragma once
#include "raceline/kernels/native/tile_stages.h"
#include "raceline/kernels/native/winograd_matrices.h"

namespace raceline {

/// F(m_h x m_w, r_h x r_w) of one vector width.
template <int lanes_, int m_h_, int r_h_, int m_w_, int r_w_>
struct WinogradTile {
  static constexpr int lanes = lanes_, m_h = m_h_, r_h = r_h_, m_w = m_w_, r_w = r_w_;
  static constexpr int a_h = m_h + r_h - 1, a_w = m_w + r_w - 1;
};

/// v = B^T d.
template <int lanes, int alpha>
RACELINE_INLINE void transform_input(const Vec<lanes> (&d)[alpha], Vec<lanes> (&v)[alpha]) {
  if constexpr (alpha == 1) {
    v[0] = d[0];
  } else {
    using Points = WinogradPoints<alpha>;
    constexpr int pairs = Points::pairs;
    constexpr auto all = Points::product(-1);
    Vec<lanes> zero = d[2 * pairs], infinity = d[2 * pairs + 1];
    unrolled<pairs>([&](auto k) RACELINE_LAMBDA {
      zero += static_cast<float>(all[k]) * d[2 * k];
      infinity += static_cast<float>(all[k]) * d[2 * k + 1];
    });
    v[0] = zero;
    v[alpha - 1] = infinity;
    unrolled<pairs>([&](auto pair) RACELINE_LAMBDA {
      constexpr auto others = Points::product(pair);
      Vec<lanes> even = d[2 * pairs], odd = d[2 * pairs - 1];
      unrolled<pairs - 1>([&](auto k) RACELINE_LAMBDA {
        even += static_cast<float>(others[k]) * d[2 * k + 2];
        odd += static_cast<float>(others[k]) * d[2 * k + 1];
      });
      constexpr float a = static_cast<float>(Points::points[pair]);
      v[1 + 2 * pair] = even + a * odd;
      v[2 + 2 * pair] = even - a * odd;
    });
  }
}

/// y = A^T v.
template <int lanes, int alpha, int m>
RACELINE_INLINE void transform_output(const Vec<lanes> (&v)[alpha], Vec<lanes> (&y)[m]) {
  if constexpr (alpha == 1) {
    y[0] = v[0];
  } else {
    using Points = WinogradPoints<alpha>;
    Vec<lanes> sum[Points::pairs], difference[Points::pairs];
    unrolled<Points::pairs>([&](auto pair) RACELINE_LAMBDA {
      sum[pair] = v[1 + 2 * pair] + v[2 + 2 * pair];
      difference[pair] = v[1 + 2 * pair] - v[2 + 2 * pair];
    });
    unrolled<m>([&](auto j) RACELINE_LAMBDA {
      Vec<lanes> result = {};
      if constexpr (j == 0) result = v[0];
      if constexpr (j == m - 1) result += v[alpha - 1];
      unrolled<Points::pairs>([&](auto pair) RACELINE_LAMBDA {
        constexpr float weight = static_cast<float>(Points::power(Points::points[pair], j));
        result += weight * (j % 2 == 0 ? sum[pair] : difference[pair]);
      });
      y[j] = result;
    });
  }
}

/// u = G g.
template <int lanes, int alpha, int taps>
RACELINE_INLINE void transform_filter(const Vec<lanes> (&g)[taps], Vec<lanes> (&u)[alpha]) {
  using Points = WinogradPoints<alpha>;
  u[0] = static_cast<float>(Points::filter(0, 0, taps)) * g[0];
  u[alpha - 1] = g[taps - 1];
  unrolled<Points::pairs>([&](auto pair) RACELINE_LAMBDA {
    Vec<lanes> parts[2];  // of the even taps and of the odd ones
    unrolled<taps>([&](auto tap) RACELINE_LAMBDA {
      const Vec<lanes> part = static_cast<float>(Points::filter(1 + 2 * pair, tap, taps)) * g[tap];
      if constexpr (tap < 2) {
        parts[tap] = part;
      } else {
        parts[tap % 2] += part;
      }
    });
    u[1 + 2 * pair] = parts[0] + parts[1];
    u[2 + 2 * pair] = parts[0] - parts[1];
  });
}

/// Writes the a_h * a_w positions of a tile, `position_step` floats apart.
template <class Tile, bool whole>
RACELINE_INLINE void input_tile(const TileWindow& window, float* v, int64_t position_step) {
  constexpr int lanes = Tile::lanes, a_h = Tile::a_h, a_w = Tile::a_w;
  Vec<lanes> half[a_h][a_w];
  for (int column = 0; column < a_w; ++column) {
    const float* x = window.x + column * window.pixel_step;
    const bool inside = column >= window.columns.first && column < window.columns.last;
    Vec<lanes> d[a_h], t[a_h];
    unrolled<a_h>([&](auto row) RACELINE_LAMBDA {
      if (whole || (inside && row >= window.rows.first && row < window.rows.last)) {
        load<lanes>(d[row], x + row * window.row_step);
      } else {
        d[row] = Vec<lanes>{};
      }
    });
    transform_input<lanes, a_h>(d, t);
    unrolled<a_h>([&](auto row) RACELINE_LAMBDA { half[row][column] = t[row]; });
  }
  for (int row = 0; row < a_h; ++row) {
    Vec<lanes> d[a_w], t[a_w];
    unrolled<a_w>([&](auto column) RACELINE_LAMBDA { d[column] = half[row][column]; });
    transform_input<lanes, a_w>(d, t);
    unrolled<a_w>([&](auto column) RACELINE_LAMBDA { store<lanes>(v + column * position_step, t[column]); });
    v += a_w * position_step;
  }
}

/// Reads the positions of a tile and puts its m_h x m_w outputs, or the largest of each pool x pool of them.
template <class Tile, int pool>
RACELINE_INLINE void output_tile(const float* v, int64_t position_step,
                                 const TileTarget<Tile::lanes>& target) {
  constexpr int lanes = Tile::lanes, a_h = Tile::a_h, a_w = Tile::a_w, m_h = Tile::m_h, m_w = Tile::m_w;
  Vec<lanes> half[m_h][a_w];
  for (int column = 0; column < a_w; ++column) {
    Vec<lanes> d[a_h], t[m_h];
    unrolled<a_h>([&](auto row)
                      RACELINE_LAMBDA { load<lanes>(d[row], v + (row * a_w + column) * position_step); });
    transform_output<lanes, a_h, m_h>(d, t);
    unrolled<m_h>([&](auto row) RACELINE_LAMBDA { half[row][column] = t[row]; });
  }
  for (int row = 0; row < m_h / pool && row < target.rows; ++row) {
    Vec<lanes> largest[m_w / pool];
    unrolled<pool>([&](auto below) RACELINE_LAMBDA {
      Vec<lanes> d[a_w], y[m_w];
      unrolled<a_w>([&](auto column) RACELINE_LAMBDA { d[column] = half[row * pool + below][column]; });
      transform_output<lanes, a_w, m_w>(d, y);
      unrolled<m_w>([&](auto column) RACELINE_LAMBDA {
        if constexpr (below == 0 && column % pool == 0) {
          largest[column / pool] = y[column];
        } else {
          take_larger<lanes>(largest[column / pool], y[column]);
        }
      });
    });
    unrolled<m_w / pool>([&](auto column) RACELINE_LAMBDA {
      if (column < target.columns) target.put(row, column, largest[column]);
    });
  }
}

}  // namespace raceline
