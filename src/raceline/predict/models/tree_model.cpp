#include "raceline/predict/models/tree_model.h"

#include <cmath>

namespace raceline {

void TreeModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                        std::span<double> us) const {
  for (size_t row = 0; row < layers.size(); ++row) {
    const std::vector<double> columns = features_of(features_, layers[row], hardware);
    const std::vector<float> narrow(columns.begin(), columns.end());
    const double sum = base + trees.sum(narrow);
    us[row] = (logarithm ? std::exp(sum) : sum) * unit_us;
  }
}

void TreeModel::visit(Archive& archive, std::string_view type) {
  archive.field("base", base);
  archive.field("unit_us", unit_us);
  archive.field("logarithm", logarithm);
  archive.object("trees", [&](Archive& inner) { trees.visit(inner, columns(type).size()); });
}

}  // namespace raceline
