#include "raceline/predict/accuracy.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "raceline/profile/store.h"

namespace raceline {
namespace {

/// Ranks from 0; equal values share the mean of theirs.
std::vector<double> ranks(std::span<const double> values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) { return values[a] < values[b]; });
  std::vector<double> rank(values.size());
  for (size_t begin = 0; begin < order.size();) {
    size_t end = begin;
    while (end < order.size() && values[order[end]] == values[order[begin]]) ++end;
    for (size_t at = begin; at < end; ++at) rank[order[at]] = static_cast<double>(begin + end - 1) / 2;
    begin = end;
  }
  return rank;
}

double correlation(std::span<const double> a, std::span<const double> b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n;
  const double mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (size_t row = 0; row < a.size(); ++row) {
    ab += (a[row] - mean_a) * (b[row] - mean_b);
    aa += (a[row] - mean_a) * (a[row] - mean_a);
    bb += (b[row] - mean_b) * (b[row] - mean_b);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

Accuracy accuracy(std::span<const double> predicted_us, std::span<const double> measured_us) {
  Accuracy result;
  result.rows = measured_us.size();
  const auto n = static_cast<double>(result.rows);
  const double mean = std::accumulate(measured_us.begin(), measured_us.end(), 0.0) / n;
  double squares = 0, spread = 0, logs = 0;
  std::vector<double> errors;
  for (size_t row = 0; row < result.rows; ++row) {
    const double error = predicted_us[row] - measured_us[row];
    result.mae_us += std::abs(error) / n;
    squares += error * error;
    spread += (measured_us[row] - mean) * (measured_us[row] - mean);
    logs += std::log(predicted_us[row] / measured_us[row]) / n;
    errors.push_back(100 * std::abs(error) / measured_us[row]);
  }
  result.rmse_us = std::sqrt(squares / n);
  result.r2 = spread > 0 ? 1 - squares / spread : std::numeric_limits<double>::quiet_NaN();
  result.bias = 100 * std::expm1(logs);
  result.mape = std::accumulate(errors.begin(), errors.end(), 0.0) / n;
  const auto within = [&](double percent) {
    return 100 *
           static_cast<double>(
               std::count_if(errors.begin(), errors.end(), [&](double error) { return error <= percent; })) /
           n;
  };
  result.within_5 = within(5);
  result.within_10 = within(10);
  result.within_15 = within(15);
  result.median = percentile(errors, 0.5);
  result.p90 = percentile(errors, 0.9);
  result.rank = correlation(ranks(predicted_us), ranks(measured_us));
  return result;
}

Share share_of(size_t count, size_t rows) {
  constexpr double z = 1.959964;  // of a normal variable, 95 % lie within
  const auto n = static_cast<double>(rows), p = static_cast<double>(count) / n;
  const double middle = p + z * z / (2 * n);
  const double half = z * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  const double scale = 100 / (1 + z * z / n);
  return {.rows = rows, .percent = 100 * p, .low = scale * (middle - half), .high = scale * (middle + half)};
}

}  // namespace raceline
