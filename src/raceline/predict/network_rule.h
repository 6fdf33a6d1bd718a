// What networks take on a platform beyond the sum of their layers, found by measuring some of them whole.
#pragma once
#include <string>
#include <vector>

#include "raceline/predict/composition.h"
#include "raceline/predict/conformal.h"
#include "raceline/predict/pair_shares.h"

namespace raceline {

/// A part of a predictor's file. `raceline calibrate` makes it.
struct NetworkRule {
  PairShares shares;
  Composition composition;
  Conformal conformal;                ///< of each network by what networks of other families calibrated
  std::vector<std::string> networks;  ///< that it was calibrated on, by name and batch

  void visit(Archive& archive);
};

}  // namespace raceline
