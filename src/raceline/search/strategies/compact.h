// A selection problem made ready for searching: fewer choices, local numbers, costs remembered.
#pragma once
#include <cstdint>
#include <map>
#include <span>
#include <vector>

#include "raceline/search/conversions.h"
#include "raceline/search/problem.h"

namespace raceline {

/// What of a layer's choices takes part.
enum class Keep : uint8_t {
  all,         ///< all that can be part of a solution
  worthwhile,  ///< what search/prune leaves of them: the optimum stays
};

/// A tensor, seen from the layers' values. Vertices are those of `graph`.
struct CompactTensor {
  int producer = 0;
  std::vector<int> consumers;  ///< distinct layers
  ConversionGraph graph;
  std::vector<int> from;                              ///< by the producer's value: the vertex it gives
  std::vector<std::vector<std::vector<int>>> wanted;  ///< by consumer and its value: sorted distinct vertices
};

/// A producer and a consumer of which not all pairs of values fit together.
struct Constraint {
  int tensor = 0;
  int producer = 0, consumer = 0;
  std::vector<char> allowed;  ///< [producer's value * consumer's values + consumer's value]
};

/// Layers have values 0 to domain(layer).size() - 1 that stand for choices. Values that no consistent partner
/// remains for are dropped (arc consistency), so a problem whose constraints form a tree has a solution for
/// every value left. Throws UnsupportedError ("no feasible choice") when a layer has none left.
class Compact {
 public:
  Compact(const SelectionProblem& problem, Keep keep);

  const SelectionProblem& problem() const { return problem_; }
  int layers() const { return static_cast<int>(domains_.size()); }
  std::span<const int> domain(int layer) const { return domains_[static_cast<size_t>(layer)]; }
  double cost(int layer, int value) const;
  const std::vector<CompactTensor>& tensors() const { return tensors_; }
  std::span<const int> tensors_of(int layer) const { return tensors_of_[static_cast<size_t>(layer)]; }
  const std::vector<Constraint>& constraints() const { return constraints_; }
  std::span<const int> constraints_of(int layer) const { return constraints_of_[static_cast<size_t>(layer)]; }
  /// Index in the problem.
  int problem_tensor(int tensor) const { return tensor_index_[static_cast<size_t>(tensor)]; }
  /// Layers, each after those that it depends on.
  std::span<const int> order() const { return order_; }

  /// Cheapest conversions of one tensor; remembered.
  double conversions_us(int tensor, std::span<const int> values);
  /// Of some of its consumers (indices into CompactTensor::consumers): those that have a value already.
  double conversions_us(int tensor, std::span<const int> values, std::span<const size_t> consumers);
  /// The whole objective.
  double total_us(std::span<const int> values);
  /// The problem's choices that the values stand for.
  std::vector<int> choices(std::span<const int> values) const;

 private:
  void build();
  CompactTensor compact_tensor(const ProblemTensor& tensor) const;
  void add_constraints(int tensor);
  bool drop_inconsistent();
  void sort_layers();
  void want(const CompactTensor& tensor, size_t consumer, std::span<const int> values);
  double known_us(int tensor);

  const SelectionProblem& problem_;
  std::vector<std::vector<int>> domains_;
  std::vector<CompactTensor> tensors_;
  std::vector<int> tensor_index_;
  std::vector<std::vector<int>> tensors_of_;
  std::vector<Constraint> constraints_;
  std::vector<std::vector<int>> constraints_of_;
  std::vector<int> order_;
  std::vector<std::map<std::vector<int>, double>> known_;  // by tensor: {from, wanted...} to cost
  std::vector<int> key_;                                   // scratch
};

}  // namespace raceline
