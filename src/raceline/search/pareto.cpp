// The curve of time against memory: one search a limit.
#include <algorithm>
#include <cmath>

#include "raceline/search/memory_limit.h"

namespace raceline {

std::vector<LimitedAnswer> MemoryLimits::pareto(int points) {
  std::vector<LimitedAnswer> curve{within(unlimited_bytes)};
  const LeastMemory least = this->least();
  const auto top = static_cast<double>(curve.front().memory_bytes);
  const auto bottom = static_cast<double>(std::max<int64_t>(1, least.memory_bytes));
  for (int point = 1; point <= points; ++point) {
    const double share = static_cast<double>(point) / points;
    const auto even = static_cast<int64_t>(top * std::pow(bottom / top, share));
    const int64_t limit = point == points ? least.memory_bytes : std::max(even, least.memory_bytes);
    if (limit < curve.back().memory_bytes) curve.push_back(within(limit));
  }
  // A later limit may have found what an earlier one missed.
  for (size_t at = curve.size(); at-- > 1;) {
    if (curve[at].answer.cost_us <= curve[at - 1].answer.cost_us)
      curve.erase(curve.begin() + static_cast<std::ptrdiff_t>(at) - 1);
  }
  return curve;
}

}  // namespace raceline
