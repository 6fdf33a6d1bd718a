// A problem with some of its choices taken away: what-if questions, and baselines.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "raceline/search/problem.h"

namespace raceline {

struct RestrictedProblem {
  SelectionProblem problem;
  std::vector<std::vector<int>> original;  ///< by layer and choice: the index in the problem it came from

  /// A choice of the restricted problem as a choice of the problem it came from.
  std::vector<int> expand(std::span<const int> choice) const;
};

/// Only the choices that `keep` (layer index, choice index) admits. Throws UnsupportedError ("no feasible
/// choice") naming the layer that none is left for.
RestrictedProblem restrict_choices(const SelectionProblem& problem,
                                   const std::function<bool(int, int)>& keep);

/// The library in a primitive's name, its second part: "onednn" of "conv2d.onednn.brgconv.nhwc@cpu". Empty
/// for names without parts, such as those of network inputs and of layers that another one computes.
std::string_view library_of(std::string_view primitive);

}  // namespace raceline
