// Decision trees as plain arrays: gradient boosting and forests, whichever library grew them.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "raceline/predict/archive.h"

namespace raceline {

/// Trees whose leaves are summed. A node stands before its children and its left child right behind it; rows
/// with a value below the threshold go left.
class Trees {
 public:
  /// One node: of a leaf, feature is -1 and the threshold its value.
  struct Node {
    int32_t feature = -1;
    float threshold = 0;
    int32_t right = 0;  ///< index in the tree of the other child
  };

  /// Begins a tree; its nodes follow in their order.
  void begin_tree() { root_.push_back(static_cast<int32_t>(feature_.size())); }
  void add_node(const Node& node);
  /// Sets where the right child of a node of the last tree stands; indices count in that tree.
  void set_right(int32_t node, int32_t right);

  /// The sum of the leaves that the row falls into. It has all features that nodes ask for.
  double sum(std::span<const float> row) const;
  /// Adds the sums of many rows, `width` numbers each, tree by tree: a tree is read from memory once.
  void add_sums(std::span<const float> rows, size_t width, std::span<double> sums) const;

  /// When reading, refuses trees that ask for a feature beyond `width`, or whose nodes lead anywhere but
  /// forward in their tree.
  void visit(Archive& archive, size_t width);
  friend bool operator==(const Trees&, const Trees&) = default;

 private:
  float leaf(int32_t root, const float* row) const;

  std::vector<int32_t> root_;
  std::vector<int32_t> feature_, right_;
  std::vector<float> threshold_;
};

}  // namespace raceline
