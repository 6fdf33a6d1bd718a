// What ResPerfNet does to its features before training (appendices B and D). Each is fitted on training rows
// only and saved with the model; the factor of its labels is NetModel::unit_us.
#pragma once
#include <span>
#include <vector>

namespace raceline {

/// Rows of features, all of one width.
using Features = std::vector<std::vector<double>>;

/// Equation 10: (x^lambda - 1) / lambda, or log x where lambda is 0, of chosen columns, whose elements must
/// be positive.
struct BoxCox {
  std::vector<size_t> columns;
  std::vector<double> lambda;

  /// lambda by maximum likelihood of the transformed column being normal, within -5 and 5. A column of equal
  /// elements keeps lambda 1. Throws Error naming the column and row of an element that is not positive.
  static BoxCox fit(const Features& rows, std::span<const size_t> columns);
  void apply(Features& rows) const;
  static constexpr double most_lambda = 5;
  friend bool operator==(const BoxCox&, const BoxCox&) = default;
};

/// Equation 9: (x - mean) / standard deviation of every column. A column of equal elements becomes 0.
struct ZScore {
  std::vector<double> mean, deviation;
  static ZScore fit(const Features& rows);
  void apply(Features& rows) const;
  friend bool operator==(const ZScore&, const ZScore&) = default;
};

}  // namespace raceline
