#include "raceline/runtime/packing.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

namespace raceline {
namespace {

/// Of a constant that steps have for an operand.
struct Use {
  int left = 0;  ///< steps that have not been prepared
  bool read = false;
  bool in_memory = false;
};

}  // namespace

std::vector<size_t> packing_order(std::span<const size_t> constant_bytes) {
  std::vector<size_t> order(constant_bytes.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, [&](size_t a, size_t b) { return constant_bytes[a] > constant_bytes[b]; });
  return order;
}

size_t packing_peak(const Graph& graph, std::span<const Packing> steps) {
  std::map<ValueId, Use> uses;
  std::vector<size_t> bytes(steps.size());
  for (size_t step = 0; step < steps.size(); ++step) {
    for (const auto* constants : {&steps[step].packed, &steps[step].read}) {
      for (const ValueId value : *constants) {
        bytes[step] += graph.desc(value).bytes();
        ++uses[value].left;
      }
    }
    for (const ValueId value : steps[step].read) uses[value].read = true;
  }
  size_t held = 0, peak = 0;
  for (const size_t step : packing_order(bytes)) {
    for (const ValueId value : steps[step].packed) {
      if (!std::exchange(uses[value].in_memory, true)) held += graph.desc(value).bytes();
    }
    held += steps[step].packed_bytes;
    peak = std::max(peak, held);
    for (const auto* constants : {&steps[step].packed, &steps[step].read}) {
      for (const ValueId value : *constants) {
        Use& use = uses[value];
        if (--use.left > 0 || use.read || !use.in_memory) continue;
        use.in_memory = false;
        held -= graph.desc(value).bytes();
      }
    }
  }
  return peak;
}

}  // namespace raceline
