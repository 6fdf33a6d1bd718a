// Intervals that hold whatever the model: split conformal prediction (Vovk et al. 2005; Lei et al. 2018) on
// the logarithm of measured over predicted time.
#pragma once
#include <span>
#include <vector>

#include "raceline/predict/archive.h"

namespace raceline {

class Conformal {
 public:
  Conformal() = default;
  /// Of rows that the model was not fitted on. Times are positive and as many as predictions.
  static Conformal fit(std::span<const double> predicted_us, std::span<const double> measured_us);

  size_t rows() const { return scores_.size(); }
  /// The measured time lies within predicted / factor and predicted * factor with at least this probability,
  /// if rows are exchangeable with those of fit(). Infinite when there were too few of them to say so.
  double factor(double level) const;
  /// Refuses scores that are negative or not in order.
  void visit(Archive& archive);
  friend bool operator==(const Conformal&, const Conformal&) = default;

 private:
  std::vector<float> scores_;  ///< |log(measured / predicted)|, ascending
};

}  // namespace raceline
