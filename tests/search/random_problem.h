// Small random problems, and their optimum by trying everything: written without a line of the solver.
#pragma once
#include <algorithm>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "raceline/base/random.h"
#include "raceline/search/problem.h"

namespace raceline::test {

/// What a random problem may hold.
struct ProblemShape {
  int layers = 5;
  int choices = 3;
  int interfaces = 4;
  int outputs = 2;              ///< of a layer, at most
  int conversions = 9;          ///< of a tensor, at most
  double private_share = 0.15;  ///< of choices that offer, or want, an interface without conversions
  bool whole_costs = true;      ///< costs are multiples of 1/4, so that sums are exact
};

inline SelectionProblem random_problem(uint64_t seed, const ProblemShape& shape = {}) {
  Random random(seed);
  SelectionProblem problem;
  for (int i = 0; i < shape.interfaces; ++i) problem.intern("cpu:layout" + std::to_string(i));
  const int hidden = problem.intern("cpu:layout0+deferred");
  const int in_place = problem.intern("cpu:layout0>concat");
  const auto cost = [&](double most) {
    if (random.below(8) == 0) return 0.0;
    return shape.whole_costs ? static_cast<double>(random.below(static_cast<int64_t>(most * 4))) / 4
                             : random.uniform(0, most);
  };
  const auto interface = [&] {
    if (random.uniform() < shape.private_share) return random.below(2) == 0 ? hidden : in_place;
    return static_cast<int>(random.below(shape.interfaces));
  };
  static const char* const libraries[] = {"reference", "onednn", "openblas"};
  const int layers = static_cast<int>(2 + random.below(shape.layers - 1));
  std::vector<Slot> produced;
  for (int layer = 0; layer < layers; ++layer) {
    // Inputs are wired first, as every choice of the layer must have as many.
    int inputs = 0;
    if (!produced.empty()) {
      inputs =
          static_cast<int>(random.below(std::min<int64_t>(4, static_cast<int64_t>(produced.size()) + 2)));
      for (int slot = 0; slot < inputs; ++slot) {
        // Drawn with replacement: a layer may take one tensor twice.
        const Slot from = produced[static_cast<size_t>(random.below(static_cast<int64_t>(produced.size())))];
        auto tensor = std::ranges::find(problem.tensors, from, &ProblemTensor::producer);
        if (tensor == problem.tensors.end()) {
          problem.tensors.push_back({from, {}, {}});
          tensor = problem.tensors.end() - 1;
        }
        tensor->consumers.push_back({layer, slot});
      }
    }
    const int outputs = static_cast<int>(1 + random.below(shape.outputs));
    ProblemLayer added{"layer" + std::to_string(layer), {}};
    const int choices = static_cast<int>(1 + random.below(shape.choices));
    for (int index = 0; index < choices; ++index) {
      Choice choice;
      choice.primitive =
          random.below(6) == 0 ? "deferred" : std::string("op.") + libraries[random.below(3)] + ".x";
      choice.cost_us = cost(20);
      for (int slot = 0; slot < inputs; ++slot) choice.inputs.push_back(interface());
      for (int slot = 0; slot < outputs; ++slot) choice.outputs.push_back(interface());
      added.choices.push_back(std::move(choice));
    }
    for (int slot = 0; slot < outputs; ++slot) produced.push_back({layer, slot});
    problem.layers.push_back(std::move(added));
  }
  for (ProblemTensor& tensor : problem.tensors) {
    std::set<std::pair<int, int>> pairs;
    const int64_t count = random.below(shape.conversions + 1);
    for (int64_t i = 0; i < count; ++i) {
      const int from = static_cast<int>(random.below(shape.interfaces));
      const int to = random.below(6) == 0 ? in_place : static_cast<int>(random.below(shape.interfaces));
      if (from != to && pairs.emplace(from, to).second) tensor.conversions.push_back({from, to, cost(8)});
    }
  }
  return problem;
}

/// Cheapest set of conversions, by trying every subset of them. For fewer than 64 interfaces.
inline double brute_conversions(const ProblemTensor& tensor, int from, const std::set<int>& wanted) {
  const auto& edges = tensor.conversions;
  const auto bit = [](int interface) { return uint64_t{1} << interface; };
  uint64_t goal = 0;
  for (const int interface : wanted) goal |= bit(interface);
  double best = impossible;
  for (size_t subset = 0; subset < (size_t{1} << edges.size()); ++subset) {
    double cost = 0;
    for (size_t edge = 0; edge < edges.size(); ++edge)
      cost += (subset >> edge & 1) != 0 ? edges[edge].cost_us : 0;
    if (cost >= best) continue;
    uint64_t there = bit(from), before = 0;
    while (there != before) {
      before = there;
      for (size_t edge = 0; edge < edges.size(); ++edge) {
        if ((subset >> edge & 1) != 0 && (there & bit(edges[edge].from)) != 0) there |= bit(edges[edge].to);
      }
    }
    if ((there & goal) == goal) best = cost;
  }
  return best;
}

/// The objective, without evaluate().
class BruteForce {
 public:
  explicit BruteForce(const SelectionProblem& problem) : problem_(problem), known_(problem.tensors.size()) {}

  double cost(const std::vector<int>& choice) {
    double sum = 0;
    for (size_t layer = 0; layer < choice.size(); ++layer) {
      sum += problem_.layers[layer].choices[static_cast<size_t>(choice[layer])].cost_us;
    }
    for (size_t tensor = 0; tensor < problem_.tensors.size(); ++tensor) sum += conversions(tensor, choice);
    return sum;
  }

  /// Over all choices.
  double optimum() {
    std::vector<int> choice(problem_.layers.size());
    double best = impossible;
    for (;;) {
      best = std::min(best, cost(choice));
      size_t layer = 0;
      while (layer < choice.size() &&
             ++choice[layer] == static_cast<int>(problem_.layers[layer].choices.size())) {
        choice[layer++] = 0;
      }
      if (layer == choice.size()) return best;
    }
  }

 private:
  double conversions(size_t index, const std::vector<int>& choice) {
    const ProblemTensor& tensor = problem_.tensors[index];
    const auto chosen = [&](int layer) -> const Choice& {
      return problem_.layers[static_cast<size_t>(layer)]
          .choices[static_cast<size_t>(choice[static_cast<size_t>(layer)])];
    };
    const int from = chosen(tensor.producer.layer).outputs[static_cast<size_t>(tensor.producer.slot)];
    std::set<int> wanted;
    for (const Slot& slot : tensor.consumers)
      wanted.insert(chosen(slot.layer).inputs[static_cast<size_t>(slot.slot)]);
    const auto [found, fresh] = known_[index].try_emplace({from, wanted}, 0.0);
    if (fresh) found->second = brute_conversions(tensor, from, wanted);
    return found->second;
  }

  const SelectionProblem& problem_;
  std::vector<std::map<std::pair<int, std::set<int>>, double>> known_;
};

}  // namespace raceline::test
