// What conversions cost, as far as the table knows: the bound by which slow candidates are dropped.
#pragma once
#include <vector>

#include "raceline/profile/candidates.h"
#include "raceline/profile/cost_table.h"

namespace raceline {

/// For each pair of candidates of a layer: the most that it costs to put the second in the place of the
/// first, converting its operands and outputs between their layouts; 0 between equal interfaces, infinite
/// where a conversion has no cost. If a candidate costs more than another and this together, no best plan
/// holds it.
class ReplacementCosts {
 public:
  ReplacementCosts(const LayerCandidates& layer, const CandidateSet& candidates, const CostTable& table);
  double operator()(size_t replaced, size_t by) const { return costs_[replaced * count_ + by]; }

 private:
  size_t count_;
  std::vector<double> costs_;
};

}  // namespace raceline
