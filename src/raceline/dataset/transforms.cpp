#include "raceline/dataset/transforms.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

constexpr std::string_view format_line = "raceline-transforms/1";
constexpr double most_lambda = 5;

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
  double low = -most_lambda, high = most_lambda;
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

std::string line(std::string_view name, std::span<const double> values) {
  std::string text(name);
  for (const double value : values) text += " " + number(value);
  return text + "\n";
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

void ScalarMultiplication::apply(std::vector<double>& labels) const {
  for (double& label : labels) label *= factor;
}

void ScalarMultiplication::undo(std::vector<double>& labels) const {
  for (double& label : labels) label /= factor;
}

Transforms Transforms::fit(Features rows, std::span<const size_t> box_cox_columns, double factor) {
  Transforms fitted;
  fitted.box_cox = BoxCox::fit(rows, box_cox_columns);
  fitted.box_cox.apply(rows);
  fitted.z_score = ZScore::fit(rows);
  fitted.scalar.factor = factor;
  return fitted;
}

void Transforms::apply(Features& rows) const {
  want_width(rows, z_score.mean.size(), "transforms");
  box_cox.apply(rows);
  z_score.apply(rows);
}

std::string Transforms::to_text() const {
  const std::vector<double> columns(box_cox.columns.begin(), box_cox.columns.end());
  return fmt::format("{}\n", format_line) + line("box_cox_columns", columns) +
         line("box_cox_lambda", box_cox.lambda) + line("z_mean", z_score.mean) +
         line("z_deviation", z_score.deviation) + line("scalar", std::vector{scalar.factor});
}

Transforms Transforms::parse(std::string_view text) {
  const std::vector<std::string_view> lines = split(text, '\n');
  if (lines.empty() || lines[0] != format_line) {
    throw ParseError(
        fmt::format("line 1: '{}', wanted '{}'", lines.empty() ? "" : lines[0].substr(0, 80), format_line));
  }
  const auto values = [&](size_t at, std::string_view name) {
    const std::vector<std::string_view> parts =
        at < lines.size() ? words(lines[at]) : std::vector<std::string_view>();
    if (parts.empty() || parts[0] != name)
      throw ParseError(fmt::format("line {}: '{}' is missing", at + 1, name));
    std::vector<double> numbers;
    for (size_t part = 1; part < parts.size(); ++part) {
      const double value = parse_double(parts[part], name);
      if (!std::isfinite(value)) throw ParseError(fmt::format("line {}: {} is {}", at + 1, name, value));
      numbers.push_back(value);
    }
    return numbers;
  };
  Transforms parsed;
  const std::vector<double> columns = values(1, "box_cox_columns");
  parsed.box_cox.lambda = values(2, "box_cox_lambda");
  parsed.z_score = {values(3, "z_mean"), values(4, "z_deviation")};
  const std::vector<double> scalar = values(5, "scalar");
  const size_t width = parsed.z_score.mean.size();
  for (const double column : columns) {
    if (column < 0 || column >= static_cast<double>(width) || column != std::floor(column)) {
      throw ParseError(fmt::format("line 2: there is no column {}", column));
    }
    parsed.box_cox.columns.push_back(static_cast<size_t>(column));
  }
  if (columns.size() != parsed.box_cox.lambda.size())
    throw ParseError("line 3: as many lambdas as columns are wanted");
  if (parsed.z_score.deviation.size() != width)
    throw ParseError("line 5: as many deviations as means are wanted");
  if (scalar.size() != 1 || !(scalar[0] > 0)) throw ParseError("line 6: one positive factor is wanted");
  parsed.scalar.factor = scalar[0];
  return parsed;
}

}  // namespace raceline
