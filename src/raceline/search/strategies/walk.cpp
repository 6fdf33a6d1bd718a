#include "raceline/search/strategies/walk.h"

#include <algorithm>
#include <numeric>

namespace raceline {
namespace {

size_t at(int index) {
  return static_cast<size_t>(index);
}

}  // namespace

Walk::Walk(Compact& compact, bool per_edge)
    : compact_(compact), per_edge_(per_edge), inputs_(compact.order().size()), open_(compact.order().size()) {
  std::vector<size_t> place_of(inputs_.size());
  for (size_t place = 0; place < inputs_.size(); ++place) place_of[at(compact.order()[place])] = place;
  for (int tensor = 0; tensor < static_cast<int>(compact.tensors().size()); ++tensor) {
    const CompactTensor& of = compact.tensors()[at(tensor)];
    auto& consumers = consumers_.emplace_back(of.consumers.size());
    std::iota(consumers.begin(), consumers.end(), size_t{0});
    const auto place = [&](size_t consumer) { return place_of[at(of.consumers[consumer])]; };
    std::ranges::sort(consumers, {}, place);
    size_t from = place_of[at(of.producer)] + 1;
    for (size_t nth = 0; nth < consumers.size(); ++nth) {
      inputs_[place(consumers[nth])].push_back({tensor, nth});
      for (; from <= place(consumers[nth]); ++from) open_[from].push_back({tensor, nth});
    }
  }
}

size_t Walk::open_tensors() const {
  size_t sum = 0;
  for (const std::vector<Use>& uses : open_) sum += uses.size();
  return sum;
}

double Walk::step_us(size_t place, std::span<const int> values) {
  const int layer = compact_.order()[place];
  double us = compact_.cost(layer, values[at(layer)]);
  for (const Use& use : inputs_[place]) {
    const std::span<const size_t> consumers = consumers_[at(use.tensor)];
    if (per_edge_) {
      us += compact_.conversions_us(use.tensor, values, consumers.subspan(use.nth, 1));
      continue;
    }
    us += compact_.conversions_us(use.tensor, values, consumers.first(use.nth + 1));
    if (use.nth > 0) us -= compact_.conversions_us(use.tensor, values, consumers.first(use.nth));
  }
  return us;
}

void Walk::append(int tensor, size_t used, std::span<const int> values, std::vector<int>& state) const {
  const CompactTensor& of = compact_.tensors()[at(tensor)];
  const size_t begin = state.size();
  state.push_back(-1);
  for (const size_t consumer : std::span(consumers_[at(tensor)]).first(used)) {
    const auto& wanted = of.wanted[consumer][at(values[at(of.consumers[consumer])])];
    state.insert(state.end(), wanted.begin(), wanted.end());
  }
  state.push_back(of.from[at(values[at(of.producer)])]);
  std::sort(state.begin() + static_cast<std::ptrdiff_t>(begin), state.end());
  state.erase(std::unique(state.begin() + static_cast<std::ptrdiff_t>(begin), state.end()), state.end());
  // What was made of what makes no difference to those who come later, but for its own vertex.
  state.push_back(of.from[at(values[at(of.producer)])]);
}

void Walk::append_open(size_t place, std::span<const int> values, std::vector<int>& state) const {
  for (const Use& use : open_[place]) append(use.tensor, use.nth, values, state);
}

void Walk::append_inputs(size_t place, std::span<const int> values, std::vector<int>& state) const {
  for (const Use& use : inputs_[place]) append(use.tensor, use.nth, values, state);
}

}  // namespace raceline
