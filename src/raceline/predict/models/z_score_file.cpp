#include "raceline/predict/models/z_score_file.h"

#include <algorithm>

#include <fmt/format.h>

namespace raceline {

void visit_z_score(Archive& archive, ZScore& z_score, size_t width) {
  archive.field("mean", z_score.mean);
  archive.field("deviation", z_score.deviation);
  if (!archive.reading()) return;
  if (z_score.mean.size() != width || z_score.deviation.size() != width) {
    archive.refuse("mean", fmt::format("{} means and {} deviations, wanted {}", z_score.mean.size(),
                                       z_score.deviation.size(), width));
  }
  if (std::any_of(z_score.deviation.begin(), z_score.deviation.end(), [](double each) { return each < 0; })) {
    archive.refuse("deviation", "a deviation below 0");
  }
}

}  // namespace raceline
