// Small least-squares problems in normal form: tens of columns, any number of rows.
#pragma once
#include <cstddef>
#include <span>
#include <vector>

namespace raceline {

/// Sums over weighted rows: A = sum w x x', b = sum w x y.
class NormalEquations {
 public:
  explicit NormalEquations(size_t columns) : columns_(columns), a_(columns * columns), b_(columns) {}
  /// x has as many elements as there are columns.
  void add(std::span<const double> x, double y, double weight = 1);
  size_t columns() const { return columns_; }
  double a(size_t row, size_t column) const { return a_[row * columns_ + column]; }
  double b(size_t row) const { return b_[row]; }

  /// The minimum of the squares plus ridge * the mean of A's diagonal * |c|^2 (columns of `free` are not
  /// held small). Columns that are linear combinations of earlier ones get 0.
  std::vector<double> solve(double ridge, std::span<const size_t> free = {}) const;
  /// The minimum with no element below 0 (Lawson and Hanson 1974).
  std::vector<double> solve_non_negative() const;

 private:
  size_t columns_;
  std::vector<double> a_, b_;
};

/// What prices are held near while rows say little of them: one for each column, or none at all.
struct Anchor {
  std::span<const double> prices;
  std::span<const double> spread;  ///< how far off each may well be
  double hold = 0;  ///< a price that is off by its spread counts as much as so many rows that are off by all
};

/// The prices c >= 0 for which sum c_k x_k comes nearest to y, all positive, on the logarithm: relative least
/// squares, reweighted so that the absolute error of the logarithm counts and outliers do not lead. Rows are
/// as long as each other.
std::vector<double> fit_prices(std::span<const std::vector<double>> rows, std::span<const double> y,
                               const Anchor& anchor = {});

}  // namespace raceline
