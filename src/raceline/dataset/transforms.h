// What ResPerfNet does to its data before training (appendices B to D). Each is fitted on training rows only
// and saved with the model.
#pragma once
#include <span>
#include <string>
#include <string_view>
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
  friend bool operator==(const BoxCox&, const BoxCox&) = default;
};

/// Equation 9: (x - mean) / standard deviation of every column. A column of equal elements becomes 0.
struct ZScore {
  std::vector<double> mean, deviation;
  static ZScore fit(const Features& rows);
  void apply(Features& rows) const;
  friend bool operator==(const ZScore&, const ZScore&) = default;
};

/// Equation 8: labels times a factor (10 in the paper).
struct ScalarMultiplication {
  double factor = 1;
  void apply(std::vector<double>& labels) const;
  void undo(std::vector<double>& labels) const;
  friend bool operator==(const ScalarMultiplication&, const ScalarMultiplication&) = default;
};

/// All three, in the order of the paper's algorithm 1: Z(BoxCox(X)), t * factor.
struct Transforms {
  BoxCox box_cox;
  ZScore z_score;
  ScalarMultiplication scalar;

  static Transforms fit(Features rows, std::span<const size_t> box_cox_columns, double factor);
  /// Throws Error for rows of another width.
  void apply(Features& rows) const;
  /// Versioned lines, the same values bit by bit: "raceline-transforms/1", then one line each.
  std::string to_text() const;
  /// Throws ParseError naming the line.
  static Transforms parse(std::string_view text);
  friend bool operator==(const Transforms&, const Transforms&) = default;
};

}  // namespace raceline
