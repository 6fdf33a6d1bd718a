#include "raceline/search/strategies/local_search.h"

#include <numeric>

namespace raceline {
namespace {

/// What of the objective depends on the layer's value.
double local_us(Compact& compact, const std::vector<int>& values, int layer) {
  double sum = compact.cost(layer, values[static_cast<size_t>(layer)]);
  for (const int tensor : compact.tensors_of(layer)) sum += compact.conversions_us(tensor, values);
  return sum;
}

}  // namespace

void descend(Compact& compact, std::vector<int>& values, Random& random, int64_t& evaluations, int64_t most) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  for (bool better = true; better;) {
    better = false;
    random.shuffle(order);
    for (const int layer : order) {
      int& value = values[static_cast<size_t>(layer)];
      int best = value;
      double best_us = local_us(compact, values, layer);
      for (int other = 0; other < static_cast<int>(compact.domain(layer).size()); ++other) {
        if (other == best) continue;
        if (evaluations >= most) break;
        ++evaluations;
        value = other;
        const double us = local_us(compact, values, layer);
        // Improvements below rounding would let the search run in circles.
        if (us < best_us * (1 - 1e-12)) {
          best_us = us;
          best = other;
          better = true;
        }
      }
      value = best;
    }
    if (evaluations >= most) return;
  }
}

}  // namespace raceline
