// The rules of a selection problem, each broken one named by its place.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/search/conversions.h"
#include "raceline/search/problem.h"

namespace raceline {
namespace {

// Far above any network, low enough that a hostile file costs neither memory nor hours.
constexpr size_t most_layers = 100'000;
constexpr size_t most_choices = 10'000;  // a layer
constexpr size_t most_slots = 4'096;     // a choice
constexpr size_t most_pairs = 20'000'000;
constexpr double most_work = 2e9;
// So that no sum of costs is infinite, which stands for impossible.
constexpr double most_cost_us = 1e30;

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw ParseError(fmt::format(text, std::forward<Args>(args)...));
}

class Validator {
 public:
  explicit Validator(const SelectionProblem& problem) : problem_(problem) {}

  void run() {
    check_interfaces();
    if (problem_.layers.size() > most_layers) {
      refuse("layers: {} layers, at most {} are taken", problem_.layers.size(), most_layers);
    }
    for (size_t layer = 0; layer < problem_.layers.size(); ++layer) check_layer(layer);
    check_wiring();
    check_conversions();
    check_acyclic();
    check_size();
  }

 private:
  const ProblemLayer& layer_of(const Slot& slot) const {
    return problem_.layers[static_cast<size_t>(slot.layer)];
  }

  void check_interfaces() const {
    std::set<std::string_view> seen;
    for (const std::string& interface : problem_.interfaces) {
      if (!seen.insert(interface).second) refuse("interfaces: '{}' stands twice", interface);
    }
  }

  void check_cost(double cost, const std::string& place) const {
    if (!std::isfinite(cost)) refuse("{}: {} is not finite", place, cost);
    if (cost > most_cost_us) refuse("{}: {} is more than {}", place, number(cost), number(most_cost_us));
    if (cost < 0) refuse("{}: {} is negative", place, number(cost));
  }

  void check_indices(const std::vector<int>& interfaces, const std::string& place) const {
    if (interfaces.size() > most_slots)
      refuse("{}: {} slots, at most {} are taken", place, interfaces.size(), most_slots);
    for (const int interface : interfaces) {
      if (interface < 0 || static_cast<size_t>(interface) >= problem_.interfaces.size()) {
        refuse("{}: interface {} of {}", place, interface, problem_.interfaces.size());
      }
    }
  }

  void check_layer(size_t index) const {
    const ProblemLayer& layer = problem_.layers[index];
    if (layer.choices.empty()) refuse("layers[{}]: '{}' has no choice", index, layer.name);
    if (layer.choices.size() > most_choices) {
      refuse("layers[{}].choices: {} choices, at most {} are taken", index, layer.choices.size(),
             most_choices);
    }
    for (size_t at = 0; at < layer.choices.size(); ++at) {
      const Choice& choice = layer.choices[at];
      const std::string place = fmt::format("layers[{}].choices[{}]", index, at);
      check_cost(choice.cost_us, place + ".cost_us");
      check_indices(choice.inputs, place + ".inputs");
      check_indices(choice.outputs, place + ".outputs");
      if (choice.weights_bytes < 0) refuse("{}.weights_bytes: {} is negative", place, choice.weights_bytes);
      if (choice.workspace_bytes < 0)
        refuse("{}.workspace_bytes: {} is negative", place, choice.workspace_bytes);
      const Choice& first = layer.choices.front();
      if (choice.inputs.size() != first.inputs.size()) {
        refuse("{}.inputs: {} inputs, the layer's first choice has {}", place, choice.inputs.size(),
               first.inputs.size());
      }
      if (choice.outputs.size() != first.outputs.size()) {
        refuse("{}.outputs: {} outputs, the layer's first choice has {}", place, choice.outputs.size(),
               first.outputs.size());
      }
    }
  }

  void check_slot(const Slot& slot, bool input, const std::string& place) const {
    if (slot.layer < 0 || static_cast<size_t>(slot.layer) >= problem_.layers.size()) {
      refuse("{}: layer {}, there are {}", place, slot.layer, problem_.layers.size());
    }
    const Choice& choice = layer_of(slot).choices.front();
    const size_t slots = input ? choice.inputs.size() : choice.outputs.size();
    if (slot.slot < 0 || static_cast<size_t>(slot.slot) >= slots) {
      refuse("{}: {} slot {} of layers[{}] '{}', which has {}", place, input ? "input" : "output", slot.slot,
             slot.layer, layer_of(slot).name, slots);
    }
  }

  // An output that nobody consumes needs no tensor; an input needs exactly one.
  void check_wiring() const {
    std::set<std::pair<int, int>> produced, consumed;
    for (size_t index = 0; index < problem_.tensors.size(); ++index) {
      const ProblemTensor& tensor = problem_.tensors[index];
      const std::string place = fmt::format("tensors[{}]", index);
      check_slot(tensor.producer, false, place + ".producer");
      if (!produced.emplace(tensor.producer.layer, tensor.producer.slot).second) {
        refuse("{}.producer: output slot {} of layers[{}] '{}' is wired twice", place, tensor.producer.slot,
               tensor.producer.layer, layer_of(tensor.producer).name);
      }
      for (size_t at = 0; at < tensor.consumers.size(); ++at) {
        const Slot& slot = tensor.consumers[at];
        const std::string here = fmt::format("{}.consumers[{}]", place, at);
        check_slot(slot, true, here);
        if (!consumed.emplace(slot.layer, slot.slot).second) {
          refuse("{}: input slot {} of layers[{}] '{}' is wired twice", here, slot.slot, slot.layer,
                 layer_of(slot).name);
        }
      }
    }
    for (size_t index = 0; index < problem_.layers.size(); ++index) {
      const size_t slots = problem_.layers[index].choices.front().inputs.size();
      for (size_t slot = 0; slot < slots; ++slot) {
        if (!consumed.contains({static_cast<int>(index), static_cast<int>(slot)})) {
          refuse("layers[{}]: input slot {} of '{}' is not wired to a tensor", index, slot,
                 problem_.layers[index].name);
        }
      }
    }
  }

  void check_conversions() const {
    for (size_t index = 0; index < problem_.tensors.size(); ++index) {
      const int count = static_cast<int>(problem_.interfaces.size());
      std::set<std::pair<int, int>> seen;
      for (const Conversion& conversion : problem_.tensors[index].conversions) {
        if (std::min(conversion.from, conversion.to) < 0 ||
            std::max(conversion.from, conversion.to) >= count) {
          refuse("tensors[{}].conversion_us: interfaces {} and {} of {}", index, conversion.from,
                 conversion.to, count);
        }
        const std::string place = fmt::format("tensors[{}].conversion_us[\"{}\"][\"{}\"]", index,
                                              problem_.interfaces[static_cast<size_t>(conversion.from)],
                                              problem_.interfaces[static_cast<size_t>(conversion.to)]);
        check_cost(conversion.cost_us, place);
        if (conversion.from == conversion.to && conversion.cost_us != 0) {
          refuse("{}: {}, but a layout to itself costs nothing", place, number(conversion.cost_us));
        }
        if (!seen.emplace(conversion.from, conversion.to).second) refuse("{}: given twice", place);
      }
    }
  }

  void check_acyclic() const {
    std::vector<int> missing(problem_.layers.size());
    std::vector<std::vector<int>> next(problem_.layers.size());
    for (const ProblemTensor& tensor : problem_.tensors) {
      for (const Slot& slot : tensor.consumers) {
        next[static_cast<size_t>(tensor.producer.layer)].push_back(slot.layer);
        ++missing[static_cast<size_t>(slot.layer)];
      }
    }
    std::vector<int> ready;
    for (size_t layer = 0; layer < missing.size(); ++layer) {
      if (missing[layer] == 0) ready.push_back(static_cast<int>(layer));
    }
    size_t done = 0;
    for (; done < ready.size(); ++done) {
      for (const int layer : next[static_cast<size_t>(ready[done])]) {
        if (--missing[static_cast<size_t>(layer)] == 0) ready.push_back(layer);
      }
    }
    if (done == missing.size()) return;
    const auto stuck = std::ranges::find_if(missing, [](int count) { return count > 0; });
    const auto layer = static_cast<size_t>(stuck - missing.begin());
    refuse("layers[{}]: '{}' depends on itself: the layers form a cycle", layer, problem_.layers[layer].name);
  }

  // Products that no single limit above bounds.
  void check_size() const {
    size_t pairs = 0;
    double work = 0;
    for (size_t index = 0; index < problem_.tensors.size(); ++index) {
      const ProblemTensor& tensor = problem_.tensors[index];
      std::set<int> wanted, hubs, all;
      size_t most_values = 1;
      for (const Slot& slot : tensor.consumers) {
        pairs += layer_of(tensor.producer).choices.size() * layer_of(slot).choices.size();
        most_values = std::max(most_values, layer_of(slot).choices.size());
        for (const Choice& choice : layer_of(slot).choices) {
          wanted.insert(choice.inputs[static_cast<size_t>(slot.slot)]);
        }
      }
      for (const Conversion& conversion : tensor.conversions) {
        hubs.insert(conversion.from);
        all.insert({conversion.from, conversion.to});
      }
      all.insert(wanted.begin(), wanted.end());
      const size_t terminals = std::min(wanted.size(), tensor.consumers.size());
      const double one = steiner_work(static_cast<int>(terminals), static_cast<int>(hubs.size()),
                                      static_cast<int>(all.size()), tensor.conversions.size());
      if (one == impossible) {
        refuse(
            "tensors[{}]: up to {} interfaces may be wanted at once, and conversions start from {}: more "
            "than {} "
            "and {}",
            index, terminals, hubs.size(), ConversionGraph::most_terminals, ConversionGraph::most_hubs);
      }
      work += one * static_cast<double>(most_values);
    }
    if (pairs > most_pairs)
      refuse("tensors: {} pairs of choices meet, at most {} are taken", pairs, most_pairs);
    if (work > most_work)
      refuse("tensors: too many conversions to choose from ({:.2g} steps, at most {:.2g})", work, most_work);
  }

  const SelectionProblem& problem_;
};

}  // namespace

void SelectionProblem::validate() const {
  Validator(*this).run();
}

}  // namespace raceline
