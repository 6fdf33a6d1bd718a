#include "raceline/predict/models/transfer_model.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/random.h"
#include "raceline/predict/least_squares.h"
#include "raceline/predict/models/z_score_file.h"

namespace raceline {
namespace {

constexpr size_t most_places = 300;  // of the correction
constexpr int draws = 20;            // of the rows, with repetition: what they agree on
constexpr std::array<std::string_view, 7> shape_columns{"log flops", "log bytes", "log m", "log n",
                                                        "log k",     "kernel",    "stride"};

double square(double value) {
  return value * value;
}

double distance(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (size_t column = 0; column < a.size(); ++column) sum += square(a[column] - b[column]);
  return sum;
}

/// A symmetric positive system, solved by Gauss and Jordan; also gives the inverse's diagonal.
std::vector<double> solve(std::vector<std::vector<double>> a, const std::vector<double>& b,
                          std::vector<double>& inverse_diagonal) {
  const size_t n = b.size();
  for (size_t row = 0; row < n; ++row) {
    a[row].resize(2 * n + 1);
    a[row][n + row] = 1;
    a[row][2 * n] = b[row];
  }
  for (size_t pivot = 0; pivot < n; ++pivot) {
    const double scale = 1 / a[pivot][pivot];
    for (double& each : a[pivot]) each *= scale;
    for (size_t row = 0; row < n; ++row) {
      const double factor = a[row][pivot];
      if (row == pivot || factor == 0) continue;
      for (size_t column = pivot; column <= 2 * n; ++column) a[row][column] -= factor * a[pivot][column];
    }
  }
  std::vector<double> x;
  inverse_diagonal.clear();
  for (size_t row = 0; row < n; ++row) {
    x.push_back(a[row][2 * n]);
    inverse_diagonal.push_back(a[row][n + row]);
  }
  return x;
}

}  // namespace

std::vector<std::string> TransferModel::columns(std::string_view) const {
  return {shape_columns.begin(), shape_columns.end()};
}

std::vector<std::vector<double>> TransferModel::amounts(std::span<const LayerFacts> layers) const {
  std::vector<std::vector<double>> rows(layers.size());
  for (const Source& source : sources) {
    std::vector<double> us(layers.size());
    source.model->predict(layers, source.hardware, us);
    for (size_t row = 0; row < us.size(); ++row) rows[row].push_back(std::max(least_us, us[row]));
  }
  for (std::vector<double>& row : rows) row.push_back(1);
  return rows;
}

double TransferModel::base_us(const std::vector<double>& amounts) const {
  return std::max(least_us, std::inner_product(amounts.begin(), amounts.end(), prices_.begin(), 0.0));
}

std::vector<double> TransferModel::place_of(const LayerFacts& f, const std::vector<double>& amounts) const {
  const auto log1 = [](double value) { return std::log(std::max(1.0, value)); };
  std::vector<double> place{log1(f.flops),
                            log1(f.bytes()),
                            log1(f.m),
                            log1(f.n),
                            log1(f.k),
                            log1(f.kernel_h * f.kernel_w),
                            log1(f.stride_h * f.stride_w)};
  for (size_t source = 1; source < sources.size(); ++source)
    place.push_back(std::log(amounts[source] / amounts[0]));
  return place;
}

double TransferModel::correction(const std::vector<double>& place) const {
  double sum = 0;
  for (size_t row = 0; row < pulls_.size(); ++row) {
    const std::span<const double> other(places_.data() + row * place.size(), place.size());
    sum += pulls_[row] * std::exp(-distance(place, other) / (2 * square(length_)));
  }
  return sum;
}

void TransferModel::fit(std::span<const LayerFacts> layers, std::span<const double> us, uint64_t seed,
                        const std::function<bool()>& stop) {
  const std::vector<std::vector<double>> rows = amounts(layers);
  // Sources say much the same, so that a few rows more or less decide which of them is paid: the mean over
  // draws of the rows (bagging, Breiman 1996) pays all that help.
  prices_.assign(rows.front().size(), 0);
  Random random(seed);
  for (int draw = 0; draw < draws && !stop(); ++draw) {
    std::vector<std::vector<double>> drawn;
    std::vector<double> times;
    for (size_t row = 0; row < rows.size(); ++row) {
      const auto chosen = static_cast<size_t>(random.below(static_cast<int64_t>(rows.size())));
      drawn.push_back(rows[chosen]);
      times.push_back(us[chosen]);
    }
    const std::vector<double> prices = fit_prices(drawn, times);
    for (size_t column = 0; column < prices.size(); ++column) prices_[column] += prices[column] / draws;
  }
  std::vector<size_t> chosen(rows.size());
  std::iota(chosen.begin(), chosen.end(), 0);
  if (chosen.size() > most_places) {
    random.shuffle(chosen);
    chosen.resize(most_places);
  }
  Features places;
  std::vector<double> errors;
  for (const size_t row : chosen) {
    places.push_back(place_of(layers[row], rows[row]));
    errors.push_back(std::log(us[row] / base_us(rows[row])));
  }
  z_score_ = ZScore::fit(places);
  z_score_.apply(places);
  fit_correction(places, errors, stop);
}

/// A Gaussian process whose reach and noise are those that predict each row best from all others.
void TransferModel::fit_correction(const Features& places, const std::vector<double>& errors,
                                   const std::function<bool()>& stop) {
  const size_t rows = errors.size();
  const double width = std::sqrt(static_cast<double>(places.front().size()));
  double best =
      std::inner_product(errors.begin(), errors.end(), errors.begin(), 0.0);  // no correction at all
  places_.clear();
  pulls_.clear();
  for (const double reach : {0.7, 1.0, 1.5, 2.5, 5.0}) {
    for (const double noise : {0.3, 1.0, 3.0, 10.0}) {
      if (stop()) break;
      const double length = reach * width;
      std::vector<std::vector<double>> kernel(rows, std::vector<double>(rows));
      for (size_t a = 0; a < rows; ++a) {
        for (size_t b = 0; b < rows; ++b)
          kernel[a][b] =
              std::exp(-distance(places[a], places[b]) / (2 * square(length))) + (a == b ? noise : 0);
      }
      std::vector<double> inverse_diagonal;
      const std::vector<double> pulls = solve(std::move(kernel), errors, inverse_diagonal);
      double left_out = 0;
      for (size_t row = 0; row < rows; ++row) left_out += square(pulls[row] / inverse_diagonal[row]);
      if (left_out >= best) continue;
      best = left_out;
      pulls_ = pulls;
      length_ = length;
    }
  }
  if (pulls_.empty()) return;
  for (const std::vector<double>& place : places) places_.insert(places_.end(), place.begin(), place.end());
}

void TransferModel::predict(std::span<const LayerFacts> layers, const Hardware&, std::span<double> us) const {
  const std::vector<std::vector<double>> rows = amounts(layers);
  for (size_t row = 0; row < rows.size(); ++row) {
    Features place{place_of(layers[row], rows[row])};
    z_score_.apply(place);
    us[row] = base_us(rows[row]) * std::exp(correction(place[0]));
  }
}

void TransferModel::visit(Archive& archive, std::string_view type) {
  size_t count = sources.size();
  archive.list("sources", count, [&](Archive& inner, size_t index) {
    if (inner.reading()) sources.emplace_back();
    Source& source = sources[index];
    inner.field("name", source.name);
    inner.object("hardware", [&](Archive& facts) { source.hardware.visit(facts); });
    visit_model(inner, "fitted", source.model, type);
  });
  archive.field("prices", prices_);
  const size_t width = shape_columns.size() + std::max<size_t>(sources.size(), 1) - 1;
  visit_z_score(archive, z_score_, width);
  archive.field("places", places_);
  archive.field("pulls", pulls_);
  archive.field("length", length_);
  if (!archive.reading()) return;
  if (sources.empty()) archive.refuse("sources", "wanted one at least");
  if (prices_.size() != sources.size() + 1)
    archive.refuse("prices", fmt::format("{} prices of {} sources", prices_.size(), sources.size()));
  if (places_.size() != pulls_.size() * width)
    archive.refuse("places", fmt::format("{} numbers for {} rows", places_.size(), pulls_.size()));
  if (!(length_ > 0)) archive.refuse("length", "wanted a positive number");
}

void TransferModel::prepare(const Engine& engine) {
  for (Source& source : sources) source.model->prepare(engine);
}

std::vector<std::string> TransferModel::describe() const {
  std::vector<std::string> lines;
  for (size_t index = 0; index < prices_.size(); ++index) {
    if (prices_[index] == 0) continue;
    const bool constant = index == sources.size();
    lines.push_back(constant ? fmt::format("constant: {:.4g} us", prices_[index])
                             : fmt::format("{}: {:.4g} times", sources[index].name, prices_[index]));
  }
  return lines;
}

}  // namespace raceline
