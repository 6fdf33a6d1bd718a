#include "raceline/predict/models/svr_model.h"

#include <cmath>

#include <fmt/format.h>

#include "raceline/predict/models/z_score_file.h"

namespace raceline {

void SvrModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                       std::span<double> us) const {
  Features rows = features_of(FeatureSet::raw, layers, hardware);
  z_score.apply(rows);
  for (size_t row = 0; row < rows.size(); ++row) {
    const size_t width = rows[row].size();
    double sum = offset;
    for (size_t vector = 0; vector < coefficients.size(); ++vector) {
      double distance = 0;
      for (size_t column = 0; column < width; ++column) {
        const double gap = rows[row][column] - static_cast<double>(vectors[vector * width + column]);
        distance += gap * gap;
      }
      sum += coefficients[vector] * std::exp(-gamma * distance);
    }
    us[row] = sum * unit_us;
  }
}

void SvrModel::visit(Archive& archive, std::string_view type) {
  const size_t width = columns(type).size();
  visit_z_score(archive, z_score, width);
  archive.field("gamma", gamma);
  archive.field("offset", offset);
  archive.field("unit_us", unit_us);
  archive.field("coefficients", coefficients);
  archive.field("vectors", vectors);
  if (archive.reading() && vectors.size() != coefficients.size() * width) {
    archive.refuse("vectors", fmt::format("{} numbers, wanted {} for each of {} coefficients", vectors.size(),
                                          width, coefficients.size()));
  }
}

}  // namespace raceline
