#include "raceline/predict/models/blend_model.h"

#include <algorithm>
#include <cmath>

#include "raceline/predict/models/boosted_model.h"
#include "raceline/predict/models/prior_net_model.h"

namespace raceline {

std::vector<std::string> BlendModel::columns(std::string_view type) const {
  return BoostedModel().columns(type);
}

void BlendModel::predict(std::span<const LayerFacts> layers, const Hardware& hardware,
                         std::span<double> us) const {
  std::vector<double> by_nets(us.size());
  trees->predict(layers, hardware, us);
  nets->predict(layers, hardware, by_nets);
  for (size_t row = 0; row < us.size(); ++row) {
    us[row] = std::exp((1 - share) * std::log(std::max(least_us, us[row])) +
                       share * std::log(std::max(least_us, by_nets[row])));
  }
}

void BlendModel::prepare(const Engine& engine) {
  trees->prepare(engine);
  nets->prepare(engine);
}

void BlendModel::visit(Archive& archive, std::string_view type) {
  archive.field("share", share);
  if (archive.reading() && !(share >= 0 && share <= 1))
    archive.refuse("share", "wanted a number from 0 to 1");
  visit_model(archive, "trees", trees, type);
  visit_model(archive, "nets", nets, type);
  if (!archive.reading()) return;
  if (trees->name() != BoostedModel::kind) archive.refuse("trees", "wanted a model 'boosted'");
  if (nets->name() != PriorNetModel::kind) archive.refuse("nets", "wanted a model 'resperfnet+'");
}

}  // namespace raceline
