#include "raceline/predict/models/mean_model.h"

#include <algorithm>
#include <numeric>

#include "raceline/base/text.h"

namespace raceline {

std::unique_ptr<LatencyModel> MeanModel::fit(std::span<const double> us) {
  return std::make_unique<MeanModel>(std::accumulate(us.begin(), us.end(), 0.0) /
                                     static_cast<double>(us.size()));
}

void MeanModel::predict(std::span<const LayerFacts>, const Hardware&, std::span<double> us) const {
  std::fill(us.begin(), us.end(), mean_us_);
}

void MeanModel::visit(Archive& archive, std::string_view) {
  archive.field("mean_us", mean_us_);
}

std::vector<std::string> MeanModel::describe() const {
  return {human_us(mean_us_)};
}

}  // namespace raceline
