#include "raceline/predict/models/polynomial_model.h"

#include <array>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/predict/least_squares.h"
#include "raceline/predict/models/z_score_file.h"

namespace raceline {
namespace {

constexpr int64_t most_degree = 4;

/// Appends the product of `so_far` with every choice of `left` further factors, columns ascending.
void append_products(std::span<const double> row, size_t from, double so_far, int64_t left,
                     std::vector<double>& terms) {
  terms.push_back(so_far);
  if (left == 0) return;
  for (size_t column = from; column < row.size(); ++column)
    append_products(row, column, so_far * row[column], left - 1, terms);
}

size_t count_terms(size_t width, int64_t degree) {
  std::vector<double> terms;
  append_products(std::vector<double>(width), 0, 1, degree, terms);
  return terms.size();
}

}  // namespace

std::vector<double> PolynomialModel::terms(std::span<const LayerFacts> layer,
                                           const Hardware& hardware) const {
  Features rows = features_of(FeatureSet::raw, layer, hardware);
  z_score_.apply(rows);
  std::vector<double> terms;
  append_products(rows[0], 0, 1, degree_, terms);
  return terms;
}

std::unique_ptr<LatencyModel> PolynomialModel::fit(std::span<const LayerFacts> layers,
                                                   std::span<const double> us, const Hardware& hardware,
                                                   int64_t degree, double ridge) {
  if (degree < 1 || degree > most_degree) {
    throw Error(fmt::format("polynomial: degree {}, wanted 1 to {}", degree, most_degree));
  }
  auto model = std::make_unique<PolynomialModel>();
  model->degree_ = degree;
  model->z_score_ = ZScore::fit(features_of(FeatureSet::raw, layers, hardware));
  NormalEquations equations(count_terms(model->z_score_.mean.size(), degree));
  for (size_t row = 0; row < layers.size(); ++row)
    equations.add(model->terms(layers.subspan(row, 1), hardware), us[row] / 1000);
  model->coefficients_ = equations.solve(ridge, std::array<size_t, 1>{0});
  return model;
}

void PolynomialModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                              std::span<double> us) const {
  for (size_t row = 0; row < layers.size(); ++row) {
    const std::vector<double> row_terms = terms(layers.subspan(row, 1), hardware);
    us[row] = 1000 * std::inner_product(row_terms.begin(), row_terms.end(), coefficients_.begin(), 0.0);
  }
}

void PolynomialModel::visit(Archive& archive, std::string_view type) {
  archive.field("degree", degree_);
  visit_z_score(archive, z_score_, columns(type).size());
  archive.field("coefficients", coefficients_);
  if (!archive.reading()) return;
  if (degree_ < 1 || degree_ > most_degree)
    archive.refuse("degree", fmt::format("{}, wanted 1 to {}", degree_, most_degree));
  const size_t wanted = count_terms(columns(type).size(), degree_);
  if (coefficients_.size() != wanted) {
    archive.refuse("coefficients", fmt::format("{} of them, wanted {}", coefficients_.size(), wanted));
  }
}

}  // namespace raceline
