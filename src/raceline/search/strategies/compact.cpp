#include "raceline/search/strategies/compact.h"

#include <algorithm>
#include <numeric>
#include <set>

#include "raceline/search/prune.h"
#include "raceline/search/strategies/assigner.h"

namespace raceline {
namespace {

constexpr size_t most_known = 100'000;  // remembered costs of one tensor

size_t at(int index) {
  return static_cast<size_t>(index);
}

}  // namespace

Compact::Compact(const SelectionProblem& problem, Keep keep)
    : problem_(problem), domains_(problem.layers.size()) {
  if (keep == Keep::worthwhile) {
    domains_ = worthwhile_choices(problem);
  } else {
    for (size_t layer = 0; layer < domains_.size(); ++layer) {
      domains_[layer].resize(problem.layers[layer].choices.size());
      std::iota(domains_[layer].begin(), domains_[layer].end(), 0);
    }
  }
  do {
    build();
  } while (drop_inconsistent());
  sort_layers();
}

void Compact::build() {
  tensors_.clear();
  tensor_index_.clear();
  constraints_.clear();
  tensors_of_.assign(domains_.size(), {});
  constraints_of_.assign(domains_.size(), {});
  for (size_t index = 0; index < problem_.tensors.size(); ++index) {
    if (problem_.tensors[index].consumers.empty()) continue;
    const int tensor = static_cast<int>(tensors_.size());
    tensors_.push_back(compact_tensor(problem_.tensors[index]));
    tensor_index_.push_back(static_cast<int>(index));
    tensors_of_[at(tensors_.back().producer)].push_back(tensor);
    for (const int consumer : tensors_.back().consumers) tensors_of_[at(consumer)].push_back(tensor);
    add_constraints(tensor);
  }
  known_.assign(tensors_.size(), {});
}

CompactTensor Compact::compact_tensor(const ProblemTensor& tensor) const {
  std::map<int, std::vector<int>> slots;
  for (const Slot& slot : tensor.consumers) slots[slot.layer].push_back(slot.slot);
  const auto choice = [&](int layer, int index) -> const Choice& {
    return problem_.layers[at(layer)].choices[at(index)];
  };
  std::vector<int> given, also;
  for (const int index : domains_[at(tensor.producer.layer)]) {
    given.push_back(choice(tensor.producer.layer, index).outputs[at(tensor.producer.slot)]);
  }
  also = given;
  for (const auto& [layer, layer_slots] : slots) {
    for (const int index : domains_[at(layer)]) {
      for (const int slot : layer_slots) also.push_back(choice(layer, index).inputs[at(slot)]);
    }
  }
  std::ranges::sort(also);
  also.erase(std::unique(also.begin(), also.end()), also.end());
  CompactTensor compact{tensor.producer.layer, {}, ConversionGraph(tensor.conversions, also), {}, {}};
  for (const int interface : given) compact.from.push_back(compact.graph.vertex(interface));
  for (const auto& [layer, layer_slots] : slots) {
    compact.consumers.push_back(layer);
    auto& wanted = compact.wanted.emplace_back();
    for (const int index : domains_[at(layer)]) {
      std::set<int> vertices;
      for (const int slot : layer_slots)
        vertices.insert(compact.graph.vertex(choice(layer, index).inputs[at(slot)]));
      wanted.emplace_back(vertices.begin(), vertices.end());
    }
  }
  return compact;
}

void Compact::add_constraints(int tensor) {
  const CompactTensor& compact = tensors_[at(tensor)];
  std::map<int, std::vector<char>> reach;
  for (const int vertex : compact.from) {
    if (!reach.contains(vertex)) reach[vertex] = compact.graph.reachable(vertex);
  }
  for (size_t consumer = 0; consumer < compact.consumers.size(); ++consumer) {
    Constraint constraint{tensor, compact.producer, compact.consumers[consumer], {}};
    bool all = true;
    for (const int vertex : compact.from) {
      const std::vector<char>& can = reach[vertex];
      for (const std::vector<int>& wanted : compact.wanted[consumer]) {
        const bool fits = std::ranges::all_of(wanted, [&](int want) { return can[at(want)] != 0; });
        constraint.allowed.push_back(fits ? 1 : 0);
        all = all && fits;
      }
    }
    if (all) continue;
    constraints_of_[at(constraint.producer)].push_back(static_cast<int>(constraints_.size()));
    constraints_of_[at(constraint.consumer)].push_back(static_cast<int>(constraints_.size()));
    constraints_.push_back(std::move(constraint));
  }
}

/// Drops the values without a partner; whether there were any.
bool Compact::drop_inconsistent() {
  Assigner assigner(*this);
  const std::vector<std::vector<char>>& alive = assigner.consistent();
  bool any = false;
  for (size_t layer = 0; layer < domains_.size(); ++layer) {
    std::vector<int> kept;
    for (size_t value = 0; value < domains_[layer].size(); ++value) {
      if (alive[layer][value] != 0) kept.push_back(domains_[layer][value]);
    }
    any = any || kept.size() < domains_[layer].size();
    domains_[layer] = std::move(kept);
  }
  return any;
}

void Compact::sort_layers() {
  std::vector<int> missing(domains_.size());
  for (const CompactTensor& tensor : tensors_) {
    for (const int consumer : tensor.consumers) ++missing[at(consumer)];
  }
  std::set<int> ready;  // the lowest layer first
  for (int layer = 0; layer < layers(); ++layer) {
    if (missing[at(layer)] == 0) ready.insert(layer);
  }
  while (!ready.empty()) {
    const int layer = *ready.begin();
    ready.erase(ready.begin());
    order_.push_back(layer);
    for (const int tensor : tensors_of(layer)) {
      if (tensors_[at(tensor)].producer != layer) continue;
      for (const int consumer : tensors_[at(tensor)].consumers) {
        if (--missing[at(consumer)] == 0) ready.insert(consumer);
      }
    }
  }
}

double Compact::cost(int layer, int value) const {
  return problem_.layers[at(layer)].choices[at(domains_[at(layer)][at(value)])].cost_us;
}

void Compact::want(const CompactTensor& tensor, size_t consumer, std::span<const int> values) {
  const auto& wanted = tensor.wanted[consumer][at(values[at(tensor.consumers[consumer])])];
  key_.insert(key_.end(), wanted.begin(), wanted.end());
}

double Compact::conversions_us(int tensor, std::span<const int> values) {
  const CompactTensor& compact = tensors_[at(tensor)];
  key_.assign(1, compact.from[at(values[at(compact.producer)])]);
  for (size_t consumer = 0; consumer < compact.consumers.size(); ++consumer) want(compact, consumer, values);
  return known_us(tensor);
}

double Compact::conversions_us(int tensor, std::span<const int> values, std::span<const size_t> consumers) {
  const CompactTensor& compact = tensors_[at(tensor)];
  key_.assign(1, compact.from[at(values[at(compact.producer)])]);
  for (const size_t consumer : consumers) want(compact, consumer, values);
  return known_us(tensor);
}

/// Of what stands in key_.
double Compact::known_us(int tensor) {
  std::sort(key_.begin() + 1, key_.end());
  key_.erase(std::unique(key_.begin() + 1, key_.end()), key_.end());
  if (key_.size() == 1 || (key_.size() == 2 && key_[0] == key_[1])) return 0;
  auto& known = known_[at(tensor)];
  if (const auto found = known.find(key_); found != known.end()) return found->second;
  if (known.size() == most_known) known.clear();
  const double us = tensors_[at(tensor)].graph.cheapest(key_[0], std::span(key_).subspan(1)).cost_us;
  known.emplace(key_, us);
  return us;
}

double Compact::total_us(std::span<const int> values) {
  double sum = 0;
  for (int layer = 0; layer < layers(); ++layer) sum += cost(layer, values[at(layer)]);
  for (size_t tensor = 0; tensor < tensors_.size(); ++tensor)
    sum += conversions_us(static_cast<int>(tensor), values);
  return sum;
}

std::vector<int> Compact::choices(std::span<const int> values) const {
  std::vector<int> chosen;
  for (size_t layer = 0; layer < domains_.size(); ++layer)
    chosen.push_back(domains_[layer][at(values[layer])]);
  return chosen;
}

}  // namespace raceline
