// How many times as long does one side take? Answered by samples taken in the same rounds.
#pragma once
#include <cstdint>
#include <span>

namespace raceline {

/// The ratio a / b of samples taken in the same rounds.
struct PairedRatio {
  double median = 1;
  double low = 1, high = 1;  ///< 95 % confidence interval of the median, by bootstrap
};

/// Samples of both sides, of one index from one round.
struct PairedSamples {
  std::span<const double> a, b;
};

/// Of rounds that were taken in several takes, between which both sides were set up anew: the bootstrap draws
/// takes, and rounds within them, so that what differs from one setup to the next widens the interval. Throws
/// Error when the numbers of samples of a take differ or are 0, or there is no take.
PairedRatio paired_ratio(std::span<const PairedSamples> takes, uint64_t seed, int resamples = 2000);

/// Of a single take: the bootstrap draws rounds.
PairedRatio paired_ratio(std::span<const double> a, std::span<const double> b, uint64_t seed,
                         int resamples = 2000);

}  // namespace raceline
