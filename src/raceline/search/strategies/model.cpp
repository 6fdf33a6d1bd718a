// A tensor with one consuming layer is a table over two layers. One with several is not a sum over pairs,
// since a copy made for one consumer serves the others; a variable of its own makes it one again. Its states
// are either
//  - the sets of interfaces that the consumers may want together, each paid as a whole: producer's table
//  holds
//    the Steiner costs, a consumer's is 0 or impossible; or
//  - the sets of shared copies that are made (interfaces from which something can be made, or that several
//    layers may want), where a copy for one consumer alone, made from the nearest of the set, is paid in that
//    consumer's table;
// whichever are fewer.
#include "raceline/search/strategies/model.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>
#include <set>

namespace raceline {
namespace {

using Set = std::vector<int>;  // of vertices, sorted

constexpr double all_work = 5e8;
constexpr int most_copies = 12;  // of the second kind of variable: 2^12 states

size_t at(int index) {
  return static_cast<size_t>(index);
}

/// Steiner costs from every vertex to a set.
class Costs {
 public:
  explicit Costs(const ConversionGraph& graph) : graph_(graph) {}

  double operator()(int from, const Set& wanted) {
    if (wanted.empty()) return 0;
    if (static_cast<int>(wanted.size()) > ConversionGraph::most_terminals)
      return graph_.cheapest(from, wanted).cost_us;
    auto& costs = known_[wanted];
    if (costs.empty()) {
      const std::vector<double> all = graph_.steiner_costs(wanted);
      costs.assign(all.end() - graph_.size(), all.end());
    }
    return costs[at(from)];
  }

 private:
  const ConversionGraph& graph_;
  std::map<Set, std::vector<double>> known_;
};

class TensorModel {
 public:
  /// budget: steps that all tensors together may spend on the costs of wanted sets.
  TensorModel(const CompactTensor& tensor, size_t most_states, double& budget)
      : tensor_(tensor),
        graph_(tensor.graph),
        costs_(tensor.graph),
        most_states_(most_states),
        budget_(budget),
        roots_(tensor.from.begin(), tensor.from.end()) {}

  void add_to(FactorModel& model) {
    if (tensor_.consumers.size() == 1) {
      add_pair(model, 0, 1);
      return;
    }
    const auto sets = wanted_sets();
    const auto copies = shared_copies();
    const size_t copy_states = copies ? (size_t{1} << copies->size()) : most_states_ + 1;
    if (sets && (sets->size() <= copy_states || copy_states > most_states_)) {
      add_wanted_sets(model, *sets);
    } else if (copy_states <= most_states_) {
      add_copies(model, *copies);
    } else {
      // The cheapest conversions for all consumers cost at least those for any one, so at least their mean.
      model.relaxed = true;
      for (size_t consumer = 0; consumer < tensor_.consumers.size(); ++consumer) {
        add_pair(model, consumer, 1.0 / static_cast<double>(tensor_.consumers.size()));
      }
    }
  }

 private:
  void add_pair(FactorModel& model, size_t consumer, double share) {
    Factor factor{{tensor_.producer, tensor_.consumers[consumer]}, {}};
    for (const int from : tensor_.from) {
      for (const Set& wanted : tensor_.wanted[consumer]) factor.table.push_back(share * costs_(from, wanted));
    }
    model.factors.push_back(std::move(factor));
  }

  /// The sets that arise when every consumer adds what one of its values wants; absent when there are too
  /// many, or too large ones.
  std::optional<std::vector<Set>> wanted_sets() const {
    std::vector<std::vector<char>> reach;
    for (const int root : roots_) reach.push_back(graph_.reachable(root));
    const auto possible = [&](const Set& set) {
      return std::ranges::any_of(reach, [&](const std::vector<char>& can) {
        return std::ranges::all_of(set, [&](int vertex) { return can[at(vertex)] != 0; });
      });
    };
    std::set<Set> sets{{}};
    for (const auto& values : tensor_.wanted) {
      const std::set<Set> additions(values.begin(), values.end());
      std::set<Set> larger;
      for (const Set& set : sets) {
        for (const Set& addition : additions) {
          Set both;
          std::ranges::set_union(set, addition, std::back_inserter(both));
          if (possible(both)) larger.insert(std::move(both));
          if (larger.size() > most_states_) return std::nullopt;
        }
      }
      sets = std::move(larger);
    }
    std::vector<Set> all(sets.begin(), sets.end());
    if (wanted_work(all) > budget_) return std::nullopt;
    return all;
  }

  double wanted_work(const std::vector<Set>& sets) const {
    double work = 0;
    for (const Set& set : sets) {
      work += steiner_work(static_cast<int>(set.size()), ConversionGraph::most_hubs + 1, graph_.size(),
                           graph_.edges());
    }
    return work;
  }

  void add_wanted_sets(FactorModel& model, const std::vector<Set>& sets) {
    budget_ -= wanted_work(sets);
    const int variable = static_cast<int>(model.sizes.size());
    model.sizes.push_back(static_cast<int>(sets.size()));
    Factor paid{{tensor_.producer, variable}, {}};
    for (const int from : tensor_.from) {
      for (const Set& set : sets) paid.table.push_back(costs_(from, set));
    }
    model.factors.push_back(std::move(paid));
    for (size_t consumer = 0; consumer < tensor_.consumers.size(); ++consumer) {
      Factor served{{variable, tensor_.consumers[consumer]}, {}};
      for (const Set& set : sets) {
        for (const Set& wanted : tensor_.wanted[consumer]) {
          served.table.push_back(std::ranges::includes(set, wanted) ? 0 : impossible);
        }
      }
      model.factors.push_back(std::move(served));
    }
  }

  /// Absent when there are too many.
  std::optional<Set> shared_copies() const {
    std::map<int, int> wanted_by;  // vertex to layers
    for (const auto& values : tensor_.wanted) {
      std::set<int> once;
      for (const Set& wanted : values) once.insert(wanted.begin(), wanted.end());
      for (const int vertex : once) ++wanted_by[vertex];
    }
    std::vector<char> can(at(graph_.size()));
    for (const int root : roots_) {
      const std::vector<char> from_here = graph_.reachable(root);
      for (size_t vertex = 0; vertex < can.size(); ++vertex) can[vertex] |= from_here[vertex];
    }
    Set copies;
    for (int vertex = 0; vertex < graph_.size(); ++vertex) {
      const auto wanted = wanted_by.find(vertex);
      const bool several = wanted != wanted_by.end() && wanted->second > 1;
      if (can[at(vertex)] != 0 && (graph_.is_hub(vertex) || several)) copies.push_back(vertex);
    }
    if (copies.size() > most_copies) return std::nullopt;
    return copies;
  }

  void add_copies(FactorModel& model, const Set& copies) {
    const size_t sets = size_t{1} << copies.size();
    // nearest[set][v]: the cheapest single conversion from the set to v.
    std::vector<std::vector<double>> nearest(sets, std::vector<double>(at(graph_.size()), impossible));
    for (size_t set = 1; set < sets; ++set) {
      const int lowest = copies[at(std::countr_zero(set))];
      for (int v = 0; v < graph_.size(); ++v) {
        nearest[set][at(v)] = std::min(nearest[set & (set - 1)][at(v)], graph_.edge(lowest, v));
      }
    }
    // made[root][set]: the cheapest way to make exactly this set, one copy after the other. A root outside
    // the copies can be converted to nothing: it is a state of its own.
    std::map<int, std::vector<double>> made;
    std::vector<int> alone;
    for (const int root : roots_) {
      const auto found = std::ranges::lower_bound(copies, root);
      if (found == copies.end() || *found != root) {
        alone.push_back(root);
        continue;
      }
      std::vector<double>& cost = made[root];
      cost.assign(sets, impossible);
      cost[size_t{1} << (found - copies.begin())] = 0;
      for (size_t set = 1; set < sets; ++set) {
        if (cost[set] == impossible) continue;
        for (size_t copy = 0; copy < copies.size(); ++copy) {
          const size_t more = set | (size_t{1} << copy);
          if (more != set) cost[more] = std::min(cost[more], cost[set] + nearest[set][at(copies[copy])]);
        }
      }
    }
    std::vector<size_t> states;
    for (size_t set = 1; set < sets; ++set) {
      const auto possible = [&](const auto& entry) { return entry.second[set] < impossible; };
      if (std::ranges::any_of(made, possible)) states.push_back(set);
    }
    const int variable = static_cast<int>(model.sizes.size());
    model.sizes.push_back(static_cast<int>(states.size() + alone.size()));
    Factor paid{{tensor_.producer, variable}, {}};
    for (const int from : tensor_.from) {
      const auto known = made.find(from);
      for (const size_t set : states)
        paid.table.push_back(known == made.end() ? impossible : known->second[set]);
      for (const int root : alone) paid.table.push_back(root == from ? 0 : impossible);
    }
    model.factors.push_back(std::move(paid));
    const auto served_us = [&](size_t set, const Set& wanted) {
      double sum = 0;
      for (const int vertex : wanted) {
        const auto copy = std::ranges::lower_bound(copies, vertex);
        if (copy == copies.end() || *copy != vertex) {
          sum += nearest[set][at(vertex)];
        } else if ((set >> (copy - copies.begin()) & 1) == 0) {
          sum = impossible;
        }
      }
      return sum;
    };
    for (size_t consumer = 0; consumer < tensor_.consumers.size(); ++consumer) {
      Factor served{{variable, tensor_.consumers[consumer]}, {}};
      for (const size_t set : states) {
        for (const Set& wanted : tensor_.wanted[consumer]) served.table.push_back(served_us(set, wanted));
      }
      for (const int root : alone) {
        for (const Set& wanted : tensor_.wanted[consumer]) {
          served.table.push_back(wanted == Set{root} ? 0 : impossible);
        }
      }
      model.factors.push_back(std::move(served));
    }
  }

  const CompactTensor& tensor_;
  const ConversionGraph& graph_;
  Costs costs_;
  size_t most_states_;
  double& budget_;
  std::set<int> roots_;
};

}  // namespace

FactorModel make_model(const Compact& compact, size_t most_states) {
  FactorModel model;
  for (int layer = 0; layer < compact.layers(); ++layer) {
    const int values = static_cast<int>(compact.domain(layer).size());
    model.sizes.push_back(values);
    Factor factor{{layer}, {}};
    for (int value = 0; value < values; ++value) factor.table.push_back(compact.cost(layer, value));
    model.factors.push_back(std::move(factor));
  }
  double budget = all_work;
  for (const CompactTensor& tensor : compact.tensors())
    TensorModel(tensor, most_states, budget).add_to(model);
  // A variable without alternatives changes no table, and must not join those that hold it.
  for (Factor& factor : model.factors) {
    std::erase_if(factor.scope, [&](int variable) { return model.sizes[at(variable)] == 1; });
  }
  return model;
}

}  // namespace raceline
