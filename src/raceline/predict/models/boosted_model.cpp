#include "raceline/predict/models/boosted_model.h"

#include <algorithm>
#include <cmath>

namespace raceline {

std::vector<std::string> BoostedModel::columns(std::string_view type) const {
  std::vector<std::string> names = feature_names(FeatureSet::engineered, type);
  names.insert(names.end(), {"log prior us", "log prior / roofline"});
  return names;
}

double BoostedModel::prior_us(const LayerFacts& layer, const Hardware& hardware) const {
  return std::max(least_us, prior.predict(layer, hardware));
}

std::vector<double> BoostedModel::row_of(const LayerFacts& layer, const Hardware& hardware, double prior_us) {
  std::vector<double> row = features_of(FeatureSet::engineered, layer, hardware);
  const double roofline_us = hardware.roofline_us(layer.flops, layer.bytes());
  row.push_back(std::log(prior_us));
  row.push_back(std::log(prior_us / std::max(least_us, roofline_us)));
  return row;
}

void BoostedModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                           std::span<double> us) const {
  std::vector<float> rows;
  size_t width = 0;
  for (size_t row = 0; row < layers.size(); ++row) {
    us[row] = prior_us(layers[row], hardware);
    const std::vector<double> columns = row_of(layers[row], hardware, us[row]);
    rows.insert(rows.end(), columns.begin(), columns.end());
    width = columns.size();
  }
  std::vector<double> sums(layers.size());
  for (const Trees& trees : bags) trees.add_sums(rows, width, sums);
  for (size_t row = 0; row < layers.size(); ++row)
    us[row] *= std::exp(centre + sums[row] / static_cast<double>(bags.size()));
}

void BoostedModel::visit(Archive& archive, std::string_view type) {
  archive.object("prior", [&](Archive& inner) { prior.visit(inner, type); });
  archive.field("centre", centre);
  size_t count = bags.size();
  archive.list("bags", count, [&](Archive& inner, size_t index) {
    if (inner.reading()) bags.emplace_back();
    bags[index].visit(inner, columns(type).size());
  });
  if (bags.empty()) archive.refuse("bags", "wanted one at least");
}

}  // namespace raceline
