#include "raceline/search/prune.h"

#include <algorithm>
#include <map>
#include <queue>
#include <span>

namespace raceline {
namespace {

/// A tensor of more conversions is compared by single conversions rather than by chains of them: fewer
/// choices are dropped, and files cannot ask for much work. Those of real networks have up to some hundred.
constexpr size_t most_chained = 2000;
/// Choices of a layer that are compared pair by pair, after those of equal interfaces are gone.
constexpr size_t most_compared = 512;
/// What a detour saves must be more than rounding.
constexpr double rounding = 1e-12;

size_t at(int index) {
  return static_cast<size_t>(index);
}

/// Cheapest chains of conversions of one tensor, found when asked for.
class Chains {
 public:
  explicit Chains(const ProblemTensor& tensor) {
    for (const Conversion& conversion : tensor.conversions) {
      out_[conversion.from].push_back(&conversion);
    }
    chained_ = tensor.conversions.size() <= most_chained;
  }

  double us(int from, int to) {
    if (from == to) return 0;
    if (!out_.contains(from)) return impossible;
    auto [found, fresh] = reached_.try_emplace(from);
    if (fresh) found->second = reach(from);
    const auto entry = found->second.find(to);
    return entry == found->second.end() ? impossible : entry->second;
  }

 private:
  /// Dijkstra's algorithm; a single step where chains would be too much work.
  std::map<int, double> reach(int from) const {
    using Entry = std::pair<double, int>;
    std::map<int, double> reached{{from, 0.0}};
    std::priority_queue<Entry, std::vector<Entry>, std::greater<>> open;
    open.emplace(0.0, from);
    while (!open.empty()) {
      const auto [us, interface] = open.top();
      open.pop();
      if (us > reached.at(interface)) continue;
      const auto edges = out_.find(interface);
      if (edges == out_.end()) continue;
      for (const Conversion* edge : edges->second) {
        const auto [entry, fresh] = reached.try_emplace(edge->to, impossible);
        if (us + edge->cost_us >= entry->second) continue;
        entry->second = us + edge->cost_us;
        if (chained_) open.emplace(entry->second, edge->to);
      }
    }
    return reached;
  }

  std::map<int, std::vector<const Conversion*>> out_;
  std::map<int, std::map<int, double>> reached_;
  bool chained_ = true;
};

/// One layer: what its choices take and give, and what it costs to make one look like another.
class LayerPruner {
 public:
  LayerPruner(const ProblemLayer& layer, std::span<Chains* const> inputs, std::span<Chains* const> outputs)
      : layer_(layer), inputs_(inputs), outputs_(outputs) {}

  std::vector<int> kept() const {
    std::vector<int> order = cheapest_of_interfaces();
    std::ranges::sort(order, {}, [&](int index) { return std::pair(choice(index).cost_us, index); });
    std::vector<int> kept;
    for (const int index : order) {
      const auto compared = std::span(kept).first(std::min(kept.size(), most_compared));
      const bool dropped = std::ranges::any_of(compared, [&](int other) { return beats(other, index); });
      if (!dropped) kept.push_back(index);
    }
    std::ranges::sort(kept);
    return kept;
  }

 private:
  const Choice& choice(int index) const { return layer_.choices[at(index)]; }

  std::vector<int> cheapest_of_interfaces() const {
    std::map<std::vector<int>, int> best;
    for (int index = 0; index < static_cast<int>(layer_.choices.size()); ++index) {
      std::vector<int> key = choice(index).inputs;
      for (size_t slot = 0; slot < choice(index).outputs.size(); ++slot) {
        // What nobody consumes makes no difference.
        key.push_back(outputs_[slot] != nullptr ? choice(index).outputs[slot] : -1);
      }
      const auto [found, fresh] = best.try_emplace(std::move(key), index);
      if (!fresh && choice(index).cost_us < choice(found->second).cost_us) found->second = index;
    }
    std::vector<int> kept;
    for (const auto& [key, index] : best) kept.push_back(index);
    return kept;
  }

  /// Whether `other` with conversions around it costs no more than `index`, in any surroundings: the copy
  /// that `index` took is there and can be converted on; so can what `other` gives.
  bool beats(int other, int index) const {
    const double most = choice(index).cost_us * (1 - rounding);
    double us = choice(other).cost_us;
    for (size_t slot = 0; slot < inputs_.size() && us <= most; ++slot) {
      us += inputs_[slot]->us(choice(index).inputs[slot], choice(other).inputs[slot]);
    }
    for (size_t slot = 0; slot < outputs_.size() && us <= most; ++slot) {
      if (outputs_[slot] == nullptr) continue;
      us += outputs_[slot]->us(choice(other).outputs[slot], choice(index).outputs[slot]);
    }
    return us <= most;
  }

  const ProblemLayer& layer_;
  std::span<Chains*const> inputs_, outputs_;  // by slot; nullptr: an output that nobody consumes
};

}  // namespace

std::vector<std::vector<int>> worthwhile_choices(const SelectionProblem& problem) {
  std::vector<std::vector<Chains*>> inputs(problem.layers.size()), outputs(problem.layers.size());
  for (size_t layer = 0; layer < problem.layers.size(); ++layer) {
    inputs[layer].resize(problem.layers[layer].choices.front().inputs.size());
    outputs[layer].resize(problem.layers[layer].choices.front().outputs.size());
  }
  std::vector<Chains> chains;
  chains.reserve(problem.tensors.size());
  for (const ProblemTensor& tensor : problem.tensors) {
    if (tensor.consumers.empty()) continue;
    Chains& of_tensor = chains.emplace_back(tensor);
    outputs[at(tensor.producer.layer)][at(tensor.producer.slot)] = &of_tensor;
    for (const Slot& slot : tensor.consumers) inputs[at(slot.layer)][at(slot.slot)] = &of_tensor;
  }
  std::vector<std::vector<int>> kept;
  for (size_t layer = 0; layer < problem.layers.size(); ++layer) {
    kept.push_back(LayerPruner(problem.layers[layer], inputs[layer], outputs[layer]).kept());
  }
  return kept;
}

}  // namespace raceline
