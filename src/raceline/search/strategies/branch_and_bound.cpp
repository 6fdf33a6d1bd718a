#include "raceline/search/strategies/branch_and_bound.h"

#include <algorithm>
#include <utility>

namespace raceline {
namespace {

/// Differences below rounding are no reason to search on.
constexpr double rounding = 1e-12;

/// One variable on the way down: its values that are still open, best last.
struct Level {
  std::vector<std::pair<double, int>> open;  // bound of the whole with this value, value
  double bound = 0;                          // of the value taken
};

}  // namespace

BoundedAnswer branch_and_bound(Compact& compact, const Elimination& elimination, BoundedAnswer start,
                               const std::function<bool()>& stop) {
  BoundedAnswer best = std::move(start);
  const size_t variables = elimination.order().size();
  std::vector<int> assigned(variables);
  std::vector<Level> levels(variables);
  std::vector<double> sums;
  const auto worth = [&](double bound) {
    return bound < best.cost_us * (1 - rounding) && bound < impossible;
  };
  // Variables are assigned from the last of the order to the first: depth d holds place variables - 1 - d.
  const auto open_level = [&](size_t depth, double bound) {
    const size_t place = variables - 1 - depth;
    Level& level = levels[depth];
    level.open.clear();
    elimination.bucket_sums(place, assigned, sums);
    const double others = bound - elimination.claimed(place, assigned);
    for (int value = 0; value < static_cast<int>(sums.size()); ++value) {
      // The bound of a part is never above that of the whole, but for rounding.
      const double with = std::max(bound, others + sums[static_cast<size_t>(value)]);
      if (worth(with)) level.open.emplace_back(with, value);
    }
    std::ranges::sort(level.open, std::greater<>());
  };
  size_t depth = 0;
  bool stopped = false;
  if (variables > 0 && worth(elimination.bound())) open_level(0, elimination.bound());
  while (variables > 0) {
    Level& level = levels[depth];
    if (level.open.empty() || !worth(level.open.back().first)) {
      level.open.clear();
      if (depth == 0) break;
      --depth;
      continue;
    }
    if ((++best.nodes & 0x3FF) == 0 && stop()) {
      stopped = true;
      break;
    }
    const auto [bound, value] = level.open.back();
    level.open.pop_back();
    level.bound = bound;
    assigned[static_cast<size_t>(elimination.order()[variables - 1 - depth])] = value;
    if (depth + 1 < variables) {
      open_level(++depth, bound);
      continue;
    }
    const std::span<const int> values(assigned.data(), static_cast<size_t>(compact.layers()));
    const double cost = compact.total_us(values);
    if (cost < best.cost_us) {
      best.cost_us = cost;
      best.values.assign(values.begin(), values.end());
    }
  }
  best.complete = !stopped;
  best.lower_bound_us = best.cost_us;
  if (stopped) {
    for (size_t at = 0; at <= depth; ++at) {
      for (const auto& [bound, value] : levels[at].open)
        best.lower_bound_us = std::min(best.lower_bound_us, bound);
    }
  }
  return best;
}

}  // namespace raceline
