// Bucket elimination: variables are minimised away one after the other. See docs/formats.md for the problem.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

#include "raceline/search/strategies/model.h"

namespace raceline {

/// In which order to eliminate, and what exact elimination costs in that order.
struct EliminationOrder {
  std::vector<int> variables;
  double cells = 0;    ///< entries of all tables that arise
  double entries = 0;  ///< combinations that are looked at to fill them
};

/// Variables with up to two neighbours first, which never makes the rest harder (the reductions R0, R1 and R2
/// of quadratic assignment); then those that join the fewest strangers, or give the smallest table, whichever
/// order turns out cheaper.
EliminationOrder elimination_order(const FactorModel& model);

/// What elimination of a model leaves: for each variable, in the order of elimination, the factors that were
/// there when its turn came. With them every variable's best value can be read off backwards.
class Elimination {
 public:
  /// Tables are split (mini-buckets: Dechter and Rish, 2003) where they would have more than `most_cells`
  /// entries; the result is then a lower bound. Takes the model's factors. Absent when `stop`, asked now and
  /// then, says so.
  static std::optional<Elimination> run(FactorModel model, EliminationOrder order, double most_cells,
                                        const std::function<bool()>& stop);

  double bound() const { return bound_; }
  bool exact() const { return exact_; }  ///< nothing was split
  int64_t entries() const { return entries_; }
  std::span<const int> order() const { return order_; }
  int values(int variable) const { return sizes_[static_cast<size_t>(variable)]; }
  /// For each value of the variable at this place of the order, the sum of its bucket's factors; all later
  /// variables have their value in `assigned`.
  void bucket_sums(size_t place, std::span<const int> assigned, std::vector<double>& sums) const;
  /// What the bucket's messages claimed of it under the same assignment: a lower bound of the least of the
  /// sums, and equal where the bucket was not split.
  double claimed(size_t place, std::span<const int> assigned) const;
  /// The best value of every variable, backwards through the order. Optimal when exact() and the bound is
  /// finite.
  std::vector<int> read_off() const;

 private:
  /// A factor with, for each variable of its scope, how far its table steps.
  struct Table {
    std::vector<int> scope;
    std::vector<size_t> strides;
    std::vector<double> entries;
  };
  struct Bucket {
    std::vector<size_t> tables;    // that hold the variable
    std::vector<size_t> messages;  // that it sent
  };
  size_t add(Factor factor);
  bool eliminate(size_t place, double most_cells, const std::function<bool()>& stop);
  std::vector<std::vector<size_t>> split(size_t place, double most_cells) const;
  std::optional<Factor> message(int variable, std::span<const size_t> tables,
                                const std::function<bool()>& stop);
  double look_up(const Table& table, std::span<const int> assigned) const;

  std::vector<int> sizes_;
  std::vector<int> order_;
  std::vector<size_t> place_;  // of each variable in the order
  std::vector<Table> tables_;
  std::vector<Bucket> buckets_;  // by place
  double bound_ = 0;
  bool exact_ = true;
  int64_t entries_ = 0;
};

}  // namespace raceline
