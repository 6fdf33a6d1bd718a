#include "raceline/profile/layer_entry.h"

namespace raceline {

Cost cost_of(const CostRow& row) {
  Cost cost;
  cost.us = percentile(row.samples_us, 0.1);
  cost.median_us = percentile(row.samples_us, 0.5);
  cost.spread_us = percentile(row.samples_us, 0.9) - cost.us;
  cost.samples = static_cast<int>(row.samples_us.size());
  cost.error = row.error;
  return cost;
}

}  // namespace raceline
