// What a sampling strategy has found so far.
#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include "raceline/search/strategies/compact.h"
#include "raceline/search/strategy.h"

namespace raceline {

/// The best choice seen, and the curve that led there. Of very long searches the curve keeps only what
/// improved.
class Best {
 public:
  static constexpr size_t most_points = 100'000;

  /// A choice that was tried; whether it is the best so far.
  bool see(const std::vector<int>& values, double us, int64_t evaluations, bool point) {
    const bool better = us < us_;
    if (better) {
      us_ = us;
      values_ = values;
    }
    if (better || (point && curve_.size() < most_points)) curve_.push_back({evaluations, us, us_});
    return better;
  }

  const std::vector<int>& values() const { return values_; }
  double us() const { return us_; }

  /// The answer; the last point of the curve says how much was spent.
  SearchAnswer answer(const Compact& compact, int64_t evaluations) && {
    SearchAnswer answer;
    answer.choice = compact.choices(values_);
    answer.cost_us = evaluate(compact.problem(), answer.choice).cost_us;
    answer.evaluations = evaluations;
    if (!curve_.empty() && curve_.back().evaluations < evaluations) curve_.push_back({evaluations, us_, us_});
    answer.curve = std::move(curve_);
    return answer;
  }

 private:
  std::vector<int> values_;
  double us_ = impossible;
  std::vector<CurvePoint> curve_;
};

}  // namespace raceline
