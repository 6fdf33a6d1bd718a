// The conversions of one tensor as a directed graph, and exact Steiner arborescences in it.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "raceline/search/problem.h"

namespace raceline {

/// Interfaces of one tensor (vertices) and conversions between them (edges). Vertices are numbered from 0 in
/// the order of their interfaces, so that answers do not depend on the order of the conversions.
class ConversionGraph {
 public:
  /// Limits of what can be solved: a tensor must stay within one of the two.
  static constexpr int most_terminals = 12;
  static constexpr int most_hubs = 16;

  /// `also`: interfaces that occur without any conversion.
  ConversionGraph(std::span<const Conversion> conversions, std::span<const int> also);

  int size() const { return static_cast<int>(interfaces_.size()); }
  /// Vertex of an interface, or -1.
  int vertex(int interface) const;
  int interface(int vertex) const { return interfaces_[static_cast<size_t>(vertex)]; }
  size_t edges() const { return edges_; }
  /// Whether anything can be made from this vertex.
  bool is_hub(int vertex) const { return !out_[static_cast<size_t>(vertex)].empty(); }
  double edge(int from, int to) const;
  /// For each vertex, whether copies can be made of it starting from `from`.
  std::vector<char> reachable(int from) const;

  /// The cheapest set of conversions that starts at `from` and reaches all `wanted` (vertices).
  TensorCost cheapest(int from, std::span<const int> wanted) const;

  /// By Dreyfus and Wagner (1971), for up to most_terminals distinct terminals: entry [set * size() + v] is
  /// the cost of the cheapest arborescence from v to the terminals in `set` (bit i: terminals[i]).
  std::vector<double> steiner_costs(std::span<const int> terminals) const;

 private:
  struct Edge {
    int vertex;
    double cost_us;
  };
  /// Where the best value of a Dreyfus-Wagner entry came from.
  struct Step {
    int split = 0;  ///< a part of the set that is served apart from the rest; 0: none
    int next = -1;  ///< the vertex that is made next; -1: none
  };
  std::vector<double> steiner(std::span<const int> terminals, std::vector<Step>* steps) const;
  std::vector<Conversion> by_terminals(int from, std::span<const int> terminals) const;
  std::vector<Conversion> by_hubs(int from, std::span<const int> terminals) const;
  TensorCost ordered(int from, std::span<const int> wanted, std::vector<Conversion> conversions) const;

  std::vector<int> interfaces_;         // sorted
  std::vector<std::vector<Edge>> out_;  // by source, sorted by target
  std::vector<std::vector<Edge>> in_;   // by target, sorted by source
  size_t edges_ = 0;
};

/// Steps that one exact query takes at most, for a tensor of this size. Infinite when it is beyond the
/// limits.
double steiner_work(int terminals, int hubs, int vertices, size_t edges);

}  // namespace raceline
