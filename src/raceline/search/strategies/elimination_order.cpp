#include <algorithm>
#include <cmath>
#include <set>

#include "raceline/search/strategies/elimination.h"

namespace raceline {
namespace {

size_t at(int index) {
  return static_cast<size_t>(index);
}

enum class Rule : uint8_t { fewest_strangers, smallest_table };

/// Plays elimination through on the graph of variables that share a factor.
class Orderer {
 public:
  Orderer(const FactorModel& model, Rule rule) : model_(model), rule_(rule), neighbours_(model.sizes.size()) {
    for (const Factor& factor : model.factors) {
      for (const int a : factor.scope) {
        for (const int b : factor.scope) {
          if (a != b) neighbours_[at(a)].insert(b);
        }
      }
    }
  }

  EliminationOrder run() {
    score_.resize(neighbours_.size());
    for (int variable = 0; variable < static_cast<int>(neighbours_.size()); ++variable) {
      score_[at(variable)] = score(variable);
      queue_.insert({score_[at(variable)], variable});
    }
    EliminationOrder order;
    while (!queue_.empty()) {
      const int variable = queue_.begin()->variable;
      queue_.erase(queue_.begin());
      order.variables.push_back(variable);
      const double cells = table_cells(variable);
      order.cells += cells;
      order.entries += cells * model_.weight(variable);
      eliminate(variable);
    }
    return order;
  }

 private:
  struct Score {
    double rank = 0, cells = 0;
    friend auto operator<=>(const Score&, const Score&) = default;
  };
  struct Entry {
    Score score;
    int variable;
    bool operator<(const Entry& other) const {
      if (score < other.score) return true;
      return !(other.score < score) && variable < other.variable;
    }
  };

  double table_cells(int variable) const {
    double cells = 1;
    for (const int neighbour : neighbours_[at(variable)]) cells *= model_.weight(neighbour);
    return cells;
  }

  Score score(int variable) const {
    const auto& near = neighbours_[at(variable)];
    const double cells = table_cells(variable);
    if (near.size() <= 2) return {-3.0 + static_cast<double>(near.size()), cells};
    if (rule_ == Rule::smallest_table) return {0, cells};
    // Counting strangers takes the square of the degree; where that is large, elimination is hopeless anyway.
    if (near.size() > 64) return {static_cast<double>(near.size() * near.size()), cells};
    double strangers = 0;
    for (const int a : near) {
      for (const int b : near) {
        if (a < b && !neighbours_[at(a)].contains(b)) ++strangers;
      }
    }
    return {strangers, cells};
  }

  void eliminate(int variable) {
    const std::set<int> near = std::move(neighbours_[at(variable)]);
    neighbours_[at(variable)].clear();
    std::set<int> changed(near);
    for (const int a : near) {
      neighbours_[at(a)].erase(variable);
      // Joining too many at once would fill the memory; they stay apart, and their tables will be split.
      if (near.size() > 256) continue;
      for (const int b : near) {
        if (a != b) neighbours_[at(a)].insert(b);
      }
    }
    // A new pair of neighbours changes the count of strangers of those that know both.
    if (near.size() <= 64 && rule_ == Rule::fewest_strangers && near.size() > 1) {
      for (const int a : near) changed.insert(neighbours_[at(a)].begin(), neighbours_[at(a)].end());
    }
    for (const int other : changed) {
      queue_.erase({score_[at(other)], other});
      score_[at(other)] = score(other);
      queue_.insert({score_[at(other)], other});
    }
  }

  const FactorModel& model_;
  Rule rule_;
  std::vector<std::set<int>> neighbours_;
  std::vector<Score> score_;
  std::set<Entry> queue_;
};

}  // namespace

EliminationOrder elimination_order(const FactorModel& model) {
  EliminationOrder strangers = Orderer(model, Rule::fewest_strangers).run();
  EliminationOrder tables = Orderer(model, Rule::smallest_table).run();
  return tables.entries < strangers.entries ? tables : strangers;
}

}  // namespace raceline
