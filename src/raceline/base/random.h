// Seeded random numbers, the same on every machine and standard library.
#pragma once
#include <cstdint>
#include <utility>

namespace raceline {

/// SplitMix64 (Steele, Lea, Flood 2014): small, fast, one word of state.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t next() {
    uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  /// In [0, 1).
  double uniform() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// In [0, count); count > 0.
  int64_t below(int64_t count) { return static_cast<int64_t>(next() % static_cast<uint64_t>(count)); }
  /// Standard normal, by Box and Muller.
  double normal();

  template <class Container>
  void shuffle(Container& items) {
    for (int64_t i = static_cast<int64_t>(items.size()) - 1; i > 0; --i) {
      using std::swap;
      swap(items[i], items[below(i + 1)]);
    }
  }

 private:
  uint64_t state_;
};

}  // namespace raceline
