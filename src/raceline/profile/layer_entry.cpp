#include "raceline/profile/layer_entry.h"

namespace raceline {

double limit_us(const std::vector<LayerEntry>& entries, const ReplacementCosts& replace, size_t index) {
  double limit = LayerEntry::infinite;
  for (size_t by = 0; by < entries.size(); ++by) {
    if (by == index) continue;
    limit = std::min(limit, entries[by].best_us + replace(entries[index].candidate, entries[by].candidate));
  }
  return limit;
}

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
