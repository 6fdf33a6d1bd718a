// Whether a machine is as calm as it usually can be, judged by the sentinel's times, those of earlier days
// among them.
#pragma once
#include <vector>

namespace raceline {

/// A time of the sentinel above the reference by more than this share is not calm.
inline constexpr double calm_drift = 0.03;

/// Rounds of a layer that have to be calm for its label to be trusted.
inline constexpr int least_calm_rounds = 2;

/// The reference is the first quartile of all times that are known. Not the least of them: clocks go up and
/// down by some percent within seconds, and hardly a round would be calm beside the luckiest moment. Not the
/// latest ones: a machine that is crowded for hours is not calm because it was no calmer before.
class Calm {
 public:
  /// drift: as calm_drift.
  explicit Calm(double drift = calm_drift) : drift_(drift) {}

  /// A time that is not positive says nothing.
  void learn(double us);
  /// Everything is while nothing was learnt.
  bool is_calm(double us) const;
  /// 0 while nothing was learnt.
  double reference_us() const;

 private:
  double drift_;
  std::vector<double> times_;  ///< ascending
};

}  // namespace raceline
