#include "raceline/predict/models/trees.h"

#include <fmt/format.h>

namespace raceline {

void Trees::add_node(const Node& node) {
  feature_.push_back(node.feature);
  threshold_.push_back(node.threshold);
  right_.push_back(node.right);
}

void Trees::set_right(int32_t node, int32_t right) {
  right_[static_cast<size_t>(root_.back()) + static_cast<size_t>(node)] = right;
}

float Trees::leaf(int32_t root, const float* row) const {
  int32_t node = root;
  while (feature_[static_cast<size_t>(node)] >= 0) {
    const auto at = static_cast<size_t>(node);
    node = row[feature_[at]] < threshold_[at] ? node + 1 : root + right_[at];
  }
  return threshold_[static_cast<size_t>(node)];
}

double Trees::sum(std::span<const float> row) const {
  double sum = 0;
  for (const int32_t root : root_) sum += leaf(root, row.data());
  return sum;
}

void Trees::add_sums(std::span<const float> rows, size_t width, std::span<double> sums) const {
  for (const int32_t root : root_) {
    for (size_t row = 0; row < sums.size(); ++row) sums[row] += leaf(root, rows.data() + row * width);
  }
}

void Trees::visit(Archive& archive, size_t width) {
  archive.field("root", root_);
  archive.field("feature", feature_);
  archive.field("threshold", threshold_);
  archive.field("right", right_);
  if (!archive.reading()) return;
  if (threshold_.size() != feature_.size() || right_.size() != feature_.size()) {
    archive.refuse("threshold", fmt::format("{} features, {} thresholds and {} right children",
                                            feature_.size(), threshold_.size(), right_.size()));
  }
  for (size_t tree = 0; tree < root_.size(); ++tree) {
    const int64_t begin = root_[tree];
    const int64_t end = tree + 1 < root_.size() ? root_[tree + 1] : static_cast<int64_t>(feature_.size());
    if ((tree == 0 && begin != 0) || begin >= end || end > static_cast<int64_t>(feature_.size())) {
      archive.refuse(fmt::format("root[{}]", tree), fmt::format("a tree from node {} to {}", begin, end));
    }
    for (int64_t node = begin; node < end; ++node) {
      const int32_t feature = feature_[static_cast<size_t>(node)];
      if (feature == -1) continue;
      const int64_t right = begin + right_[static_cast<size_t>(node)];
      if (feature < 0 || static_cast<size_t>(feature) >= width) {
        archive.refuse(fmt::format("feature[{}]", node), fmt::format("{} of {} features", feature, width));
      }
      if (right <= node + 1 || right >= end) {
        archive.refuse(fmt::format("right[{}]", node),
                       fmt::format("node {} of a tree from {} to {}", right, begin, end));
      }
    }
  }
  if (root_.empty() && !feature_.empty()) archive.refuse("root", "nodes of no tree");
}

}  // namespace raceline
