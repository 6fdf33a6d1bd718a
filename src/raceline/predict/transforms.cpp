#include "raceline/predict/transforms.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

double transformed(double x, double lambda) {
  // expm1 keeps the digits that x^lambda - 1 loses near 0.
  return lambda == 0 ? std::log(x) : std::expm1(lambda * std::log(x)) / lambda;
}

/// The profile log-likelihood of lambda: -n/2 log(variance of the transformed) + (lambda - 1) sum(log x).
double likelihood(std::span<const double> column, double lambda) {
  double sum = 0, squares = 0, logs = 0;
  const auto count = static_cast<double>(column.size());
  for (const double x : column) {
    sum += transformed(x, lambda);
    logs += std::log(x);
  }
  const double mean = sum / count;
  for (const double x : column) squares += std::pow(transformed(x, lambda) - mean, 2);
  return -count / 2 * std::log(squares / count) + (lambda - 1) * logs;
}

/// The maximum between low and high by golden section; the likelihood has one hill.
double best_lambda(std::span<const double> column) {
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double low = -BoxCox::most_lambda, high = BoxCox::most_lambda;
  double left = high - golden * (high - low), right = low + golden * (high - low);
  double at_left = likelihood(column, left), at_right = likelihood(column, right);
  while (high - low > 1e-7) {
    if (at_left < at_right) {
      low = left;
      left = right;
      at_left = at_right;
      right = low + golden * (high - low);
      at_right = likelihood(column, right);
    } else {
      high = right;
      right = left;
      at_right = at_left;
      left = high - golden * (high - low);
      at_left = likelihood(column, left);
    }
  }
  return (low + high) / 2;
}

void want_width(const Features& rows, size_t width, const char* what) {
  for (const auto& row : rows) {
    if (row.size() == width) continue;
    throw Error(fmt::format("{}: a row of {} features, wanted {}", what, row.size(), width));
  }
}

}  // namespace

BoxCox BoxCox::fit(const Features& rows, std::span<const size_t> columns) {
  BoxCox fitted;
  for (const size_t column : columns) {
    std::vector<double> values;
    for (size_t row = 0; row < rows.size(); ++row) {
      if (column >= rows[row].size()) throw Error(fmt::format("Box-Cox: there is no column {}", column));
      const double x = rows[row][column];
      if (!(x > 0) || !std::isfinite(x)) {
        throw Error(
            fmt::format("Box-Cox: column {} of row {} is {}; positive numbers are wanted", column, row, x));
      }
      values.push_back(x);
    }
    const bool equal = values.empty() || std::ranges::min(values) == std::ranges::max(values);
    fitted.columns.push_back(column);
    fitted.lambda.push_back(equal ? 1 : best_lambda(values));
  }
  return fitted;
}

void BoxCox::apply(Features& rows) const {
  for (auto& row : rows) {
    for (size_t index = 0; index < columns.size(); ++index) {
      double& x = row.at(columns[index]);
      if (!(x > 0))
        throw Error(fmt::format("Box-Cox: column {} is {}; positive numbers are wanted", columns[index], x));
      x = transformed(x, lambda[index]);
    }
  }
}

ZScore ZScore::fit(const Features& rows) {
  if (rows.empty()) throw Error("z-scores of no rows");
  const size_t width = rows[0].size();
  want_width(rows, width, "z-scores");
  ZScore fitted{std::vector<double>(width), std::vector<double>(width)};
  const auto count = static_cast<double>(rows.size());
  for (const auto& row : rows) {
    for (size_t column = 0; column < width; ++column) fitted.mean[column] += row[column] / count;
  }
  for (const auto& row : rows) {
    for (size_t column = 0; column < width; ++column) {
      fitted.deviation[column] += std::pow(row[column] - fitted.mean[column], 2) / count;
    }
  }
  for (double& deviation : fitted.deviation) deviation = std::sqrt(deviation);
  return fitted;
}

void ZScore::apply(Features& rows) const {
  want_width(rows, mean.size(), "z-scores");
  for (auto& row : rows) {
    for (size_t column = 0; column < row.size(); ++column) {
      row[column] = deviation[column] > 0 ? (row[column] - mean[column]) / deviation[column] : 0;
    }
  }
}

}  // namespace raceline
