#include "raceline/profile/paired_ratio.h"

#include <algorithm>
#include <functional>
#include <vector>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"
#include "raceline/profile/store.h"

namespace raceline {

PairedRatio paired_ratio(std::span<const PairedSamples> takes, uint64_t seed, int resamples) {
  if (takes.empty()) throw Error("ratios need one take at least");
  std::vector<std::vector<double>> ratios;
  std::vector<double> all;
  for (const auto& [a, b] : takes) {
    if (a.empty() || a.size() != b.size()) {
      throw Error(fmt::format("ratios need as many samples on both sides, and one at least; given {} and {}",
                              a.size(), b.size()));
    }
    std::vector<double>& own = ratios.emplace_back(a.size());
    std::transform(a.begin(), a.end(), b.begin(), own.begin(), std::divides<>());
    all.insert(all.end(), own.begin(), own.end());
  }
  PairedRatio answer;
  answer.median = percentile(all, 0.5);
  Random random(seed);
  const auto any_of = [&](const auto& items) -> const auto& {
    return items[static_cast<size_t>(random.below(static_cast<int64_t>(items.size())))];
  };
  std::vector<double> medians, drawn;
  for (int i = 0; i < resamples; ++i) {
    drawn.clear();
    for (size_t take = 0; take < ratios.size(); ++take) {
      const std::vector<double>& own = ratios.size() == 1 ? ratios[0] : any_of(ratios);
      for (size_t round = 0; round < own.size(); ++round) drawn.push_back(any_of(own));
    }
    medians.push_back(percentile(drawn, 0.5));
  }
  answer.low = std::min(answer.median, percentile(medians, 0.025));
  answer.high = std::max(answer.median, percentile(medians, 0.975));
  return answer;
}

PairedRatio paired_ratio(std::span<const double> a, std::span<const double> b, uint64_t seed, int resamples) {
  const PairedSamples take{a, b};
  return paired_ratio({&take, 1}, seed, resamples);
}

}  // namespace raceline
