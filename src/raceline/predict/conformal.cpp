#include "raceline/predict/conformal.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace raceline {

Conformal Conformal::fit(std::span<const double> predicted_us, std::span<const double> measured_us) {
  Conformal conformal;
  for (size_t row = 0; row < predicted_us.size(); ++row)
    conformal.scores_.push_back(static_cast<float>(std::abs(std::log(measured_us[row] / predicted_us[row]))));
  std::sort(conformal.scores_.begin(), conformal.scores_.end());
  return conformal;
}

double Conformal::factor(double level) const {
  const double rank = std::ceil(level * static_cast<double>(scores_.size() + 1));
  if (rank < 1) return 1;
  if (rank > static_cast<double>(scores_.size())) return std::numeric_limits<double>::infinity();
  return std::exp(static_cast<double>(scores_[static_cast<size_t>(rank) - 1]));
}

void Conformal::visit(Archive& archive) {
  archive.field("scores", scores_);
  if (!archive.reading()) return;
  if (!std::is_sorted(scores_.begin(), scores_.end()) || (!scores_.empty() && scores_.front() < 0)) {
    archive.refuse("scores", "wanted numbers of 0 or more in ascending order");
  }
}

}  // namespace raceline
