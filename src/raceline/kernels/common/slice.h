// A loop cut into parts of equal size.
#pragma once
#include <algorithm>
#include <cstdint>

namespace raceline {

/// a / b rounded up, for a > -b and b > 0.
constexpr int64_t ceil_div(int64_t a, int64_t b) {
  return (a + b - 1) / b;
}

/// A part [first, last) of a loop.
struct Slice {
  int64_t first = 0, last = 0;
  int64_t size() const { return last - first; }
};

/// The part of [0, count) that falls to `index` of `parts`, in multiples of `grain`. Parts may be empty.
inline Slice slice_of(int64_t count, int64_t index, int64_t parts, int64_t grain = 1) {
  const int64_t grains = ceil_div(count, grain);
  const int64_t base = grains / parts;
  const int64_t rest = grains % parts;
  const int64_t first = base * index + std::min(index, rest);
  const int64_t last = first + base + (index < rest ? 1 : 0);
  return {std::min(first * grain, count), std::min(last * grain, count)};
}

}  // namespace raceline
