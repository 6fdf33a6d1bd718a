#include "raceline/predict/least_squares.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace raceline {
namespace {

/// Solves the system of chosen columns by Cholesky's decomposition; pivots that vanish give 0.
std::vector<double> solve_chosen(const NormalEquations& equations, std::span<const size_t> chosen,
                                 std::span<const double> added) {
  const size_t n = chosen.size();
  std::vector<double> l(n * n), x(n);
  for (size_t row = 0; row < n; ++row) {
    for (size_t column = 0; column <= row; ++column) {
      double sum = equations.a(chosen[row], chosen[column]);
      const double whole = sum;
      if (row == column && !added.empty()) sum += added[chosen[row]];
      for (size_t k = 0; k < column; ++k) sum -= l[row * n + k] * l[column * n + k];
      if (row == column) {
        l[row * n + row] = sum > 1e-11 * whole ? std::sqrt(sum) : 0;
      } else {
        l[row * n + column] = l[column * n + column] > 0 ? sum / l[column * n + column] : 0;
      }
    }
  }
  for (size_t row = 0; row < n; ++row) {
    double sum = equations.b(chosen[row]);
    for (size_t k = 0; k < row; ++k) sum -= l[row * n + k] * x[k];
    x[row] = l[row * n + row] > 0 ? sum / l[row * n + row] : 0;
  }
  for (size_t row = n; row-- > 0;) {
    double sum = x[row];
    for (size_t k = row + 1; k < n; ++k) sum -= l[k * n + row] * x[k];
    x[row] = l[row * n + row] > 0 ? sum / l[row * n + row] : 0;
  }
  return x;
}

}  // namespace

void NormalEquations::add(std::span<const double> x, double y, double weight) {
  for (size_t row = 0; row < columns_; ++row) {
    const double scaled = weight * x[row];
    if (scaled == 0) continue;
    for (size_t column = 0; column < columns_; ++column) a_[row * columns_ + column] += scaled * x[column];
    b_[row] += scaled * y;
  }
}

std::vector<double> NormalEquations::solve(double ridge, std::span<const size_t> free) const {
  std::vector<size_t> all(columns_);
  double trace = 0;
  for (size_t column = 0; column < columns_; ++column) {
    all[column] = column;
    trace += a(column, column);
  }
  std::vector<double> added(columns_, ridge * trace / static_cast<double>(columns_));
  for (const size_t column : free) added[column] = 0;
  return solve_chosen(*this, all, added);
}

std::vector<double> NormalEquations::solve_non_negative() const {
  std::vector<double> c(columns_);
  std::vector<size_t> passive;
  const auto gradient = [&](size_t column) {
    double sum = b_[column];
    for (size_t k = 0; k < columns_; ++k) sum -= a(column, k) * c[k];
    return sum;
  };
  // A column is measured by what its own scale makes of it.
  const auto scaled = [&](double value, size_t column) {
    return a(column, column) > 0 ? value / std::sqrt(a(column, column)) : 0;
  };
  double least = 0;
  for (size_t column = 0; column < columns_; ++column)
    least = std::max(least, 1e-10 * std::abs(scaled(b_[column], column)));
  for (size_t step = 0; step < 10 * columns_; ++step) {
    size_t best = columns_;
    double most = least;
    for (size_t column = 0; column < columns_; ++column) {
      if (std::find(passive.begin(), passive.end(), column) != passive.end()) continue;
      const double wants = scaled(gradient(column), column);
      if (wants > most) {
        most = wants;
        best = column;
      }
    }
    if (best == columns_) break;
    passive.push_back(best);
    while (true) {
      const std::vector<double> x = solve_chosen(*this, passive, {});
      if (std::all_of(x.begin(), x.end(), [](double value) { return value > 0; })) {
        std::fill(c.begin(), c.end(), 0);
        for (size_t k = 0; k < passive.size(); ++k) c[passive[k]] = x[k];
        break;
      }
      // As far towards the solution as no element falls below 0; those at 0 leave.
      double share = 1;
      for (size_t k = 0; k < passive.size(); ++k) {
        const double now = c[passive[k]];
        if (x[k] <= 0 && now > x[k]) share = std::min(share, now / (now - x[k]));
      }
      for (size_t k = 0; k < passive.size(); ++k) c[passive[k]] += share * (x[k] - c[passive[k]]);
      std::vector<size_t> kept;
      for (size_t k = 0; k < passive.size(); ++k) {
        if (x[k] > 0 || c[passive[k]] > 1e-15)
          kept.push_back(passive[k]);
        else
          c[passive[k]] = 0;
      }
      if (kept.size() == passive.size()) kept.pop_back();
      passive = std::move(kept);
      if (passive.empty()) break;
    }
    // What came in and could not stay would come again: no progress is possible.
    if (std::find(passive.begin(), passive.end(), best) == passive.end()) break;
  }
  return c;
}

std::vector<double> fit_prices(std::span<const std::vector<double>> rows, std::span<const double> y,
                               const Anchor& anchor) {
  constexpr int rounds = 8;
  constexpr double small = 0.02;  // errors below this are all the same
  std::vector<double> prices, weight(y.size(), 1), scaled;
  for (int round = 0; round < rounds; ++round) {
    NormalEquations equations(rows.front().size());
    for (size_t row = 0; row < rows.size(); ++row) {
      scaled = rows[row];
      for (double& each : scaled) each /= y[row];
      equations.add(scaled, 1, weight[row]);
    }
    for (size_t column = 0; column < anchor.prices.size(); ++column) {
      std::vector<double> held(anchor.prices.size());
      held[column] = 1 / anchor.spread[column];
      equations.add(held, anchor.prices[column] / anchor.spread[column], anchor.hold);
    }
    prices = equations.solve_non_negative();
    for (size_t row = 0; row < rows.size(); ++row) {
      const double sum = std::inner_product(rows[row].begin(), rows[row].end(), prices.begin(), 0.0);
      const double ratio = std::max(1e-3, sum / y[row]);
      // |log r| = weight * (r - 1)^2
      weight[row] =
          std::max(std::abs(std::log(ratio)), small) / std::max((ratio - 1) * (ratio - 1), small * small);
    }
  }
  return prices;
}

}  // namespace raceline
