// How good predictions are, by the papers' measures and by ours.
#pragma once
#include <cstddef>
#include <span>

namespace raceline {

struct Accuracy {
  size_t rows = 0;
  double mae_us = 0, rmse_us = 0, r2 = 0;  ///< the papers'; r2 is NaN where all measured times are equal
  double mape = 0;                         ///< mean of |predicted - measured| / measured, in percent
  double median = 0, p90 = 0;              ///< of the same, in percent
  double within_5 = 0, within_10 = 0,
         within_15 = 0;  ///< share of rows with at most so many percent, in percent
  double bias = 0;       ///< exp(mean of log(predicted / measured)) - 1, in percent
  double rank = 0;       ///< Spearman's correlation of ranks; NaN for fewer than two
};

/// Both have the same length, which is not 0; all times are positive.
Accuracy accuracy(std::span<const double> predicted_us, std::span<const double> measured_us);

/// A share of rows in percent, and between what the share of all such rows lies with 95 % probability:
/// Wilson's interval (Wilson 1927, without correction for continuity). NaN where there are no rows.
struct Share {
  size_t rows = 0;
  double percent = 0, low = 0, high = 0;
};
Share share_of(size_t count, size_t rows);

}  // namespace raceline
