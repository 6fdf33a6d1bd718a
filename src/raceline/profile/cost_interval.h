// Costs that nobody measured, and between what they lie.
#pragma once
#include <map>

#include "raceline/profile/cost_table.h"

namespace raceline {

/// Microseconds. low_us is 0 and high_us infinite where too little is known to say.
struct CostInterval {
  double us = 0;
  double low_us = 0, high_us = 0;
  friend bool operator==(const CostInterval&, const CostInterval&) = default;
};

/// By layer key and primitive name, as a CostTable has them.
using CostIntervals = std::map<CostTable::Key, CostInterval>;

}  // namespace raceline
