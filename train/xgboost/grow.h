// Growing trees with libxgboost: the one place that speaks to it.
#pragma once
#include <functional>
#include <span>

#include "raceline/predict/models/trees.h"
#include "raceline/predict/transforms.h"

namespace raceline::train {

/// What --set may ask for.
inline constexpr int64_t most_rounds = 100000, most_depth = 60;
inline constexpr double least_rate = 1e-6, least_share = 0.01;

struct GrowOptions {
  int64_t rounds = 100;
  double learning_rate = 0.3;  ///< 1 for a forest, whose trees are averaged
  int64_t depth = 6;
  double least_in_child = 1;          ///< sum of the rows' weights in a leaf
  double rows = 1;                    ///< share of the rows that each tree sees
  double columns = 1;                 ///< share of the columns that each tree sees
  double columns_by_node = 1;         ///< ... and each of its nodes
  double shrink = 1;                  ///< lambda: pulls leaves towards 0
  std::string loss = "squarederror";  ///< or absoluteerror, pseudohubererror
  double slope = 1;                   ///< of pseudohubererror
  int64_t forest = 1;                 ///< trees of a round, which are averaged
  bool exact = false;                 ///< every threshold, rather than 256 of each column
  uint64_t seed = 1;
};

/// Trees whose sum comes near the targets; `after_round` is called with the rounds done and ends the growth
/// by giving false. Single-threaded. Throws Error with the library's message.
Trees grow(const Features& rows, std::span<const double> targets, const GrowOptions& options,
           const std::function<bool(size_t)>& after_round);

}  // namespace raceline::train
