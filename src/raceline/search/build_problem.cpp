#include "raceline/search/build_problem.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"

namespace raceline {
namespace {

/// The interface of a value in a layout where a primitive runs.
Interface interface_of(const TensorDesc& desc, Layout layout, const Primitive& primitive) {
  return {primitive.info().processor, layout, desc.type};
}

/// That of the network's sides.
std::string plain(const TensorDesc& desc) {
  return Interface{{}, Layout::nchw, desc.type}.to_string();
}

/// The operands of a node that are tensors of the problem: given, and not constant.
std::vector<size_t> wired_operands(const Graph& graph, std::span<const ValueId> operands) {
  std::vector<size_t> wired;
  for (size_t index = 0; index < operands.size(); ++index) {
    if (operands[index] != absent && !graph.is_constant(operands[index])) wired.push_back(index);
  }
  return wired;
}

}  // namespace

std::string place_of(const Graph& graph, std::span<const NodeId> covers) {
  std::vector<std::string> names;
  for (const NodeId node : covers) names.push_back(graph.node(node).name);
  return join(names, "+");
}

std::string place_of(const Graph& graph, ValueId value) {
  return "convert " + graph.value(value).name;
}

std::string name_of(const ChoiceMeaning& meaning) {
  return on_threads(meaning.primitive->name(), meaning.threads);
}

namespace {

/// A candidate on so many threads; 0: on all.
struct Offer {
  const Candidate& candidate;
  int threads;
};

/// Each candidate on all threads and on one: costs say which of them there are.
std::vector<Offer> offers(const LayerCandidates& layer) {
  std::vector<Offer> all;
  for (const Candidate& candidate : layer.candidates) {
    for (const int threads : {0, 1}) all.push_back({candidate, threads});
  }
  return all;
}

class ProblemBuilder {
 public:
  ProblemBuilder(const Graph& graph, const CandidateSet& candidates, const CostTable& costs)
      : graph_(graph), candidates_(candidates), costs_(costs) {}

  GraphProblem build() {
    for (const ValueId input : graph_.inputs()) {
      add_layer(fmt::format("input:{}", graph_.value(input).name));
      add_choice(layers() - 1, "", 0, {}, {plain(graph_.desc(input))}, {});
      producer_[input] = {layers() - 1, 0};
    }
    first_node_ = layers();
    for (const Node& node : graph_.nodes()) {
      add_layer(node.name);
      for (const ValueId output : node.outputs) producer_[output] = {layers() - 1, graph_.value(output).slot};
    }
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) place_operands(id);
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) add_node_choices(id);
    for (const Fusion& fusion : graph_.fusions()) add_fusion_choices(fusion);
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) require_choices(id);
    wire_nodes();
    for (const Graph::Output& output : graph_.outputs()) {
      if (graph_.is_constant(output.value)) continue;
      add_layer(fmt::format("output:{}", output.name));
      add_choice(layers() - 1, "", 0, {plain(graph_.desc(output.value))}, {}, {});
      consumers_[output.value].push_back({layers() - 1, 0});
    }
    add_tensors();
    return std::move(built_);
  }

 private:
  int layers() const { return static_cast<int>(built_.problem.layers.size()); }

  void add_layer(std::string name) {
    built_.problem.layers.push_back({std::move(name), {}});
    built_.meanings.emplace_back();
  }

  void add_choice(int layer, std::string primitive, double cost_us, const std::vector<std::string>& inputs,
                  const std::vector<std::string>& outputs, ChoiceMeaning meaning) {
    Choice choice{.primitive = std::move(primitive), .cost_us = cost_us};
    for (const std::string& interface : inputs) choice.inputs.push_back(built_.problem.intern(interface));
    for (const std::string& interface : outputs) choice.outputs.push_back(built_.problem.intern(interface));
    auto& choices = built_.problem.layers[static_cast<size_t>(layer)].choices;
    // A deferral may arise from several fusions of one node; it is one choice.
    if (meaning.primitive == nullptr && std::find(choices.begin(), choices.end(), choice) != choices.end())
      return;
    choices.push_back(std::move(choice));
    built_.meanings[static_cast<size_t>(layer)].push_back(std::move(meaning));
  }

  std::vector<std::string> outputs_of(const Node& node, const Candidate& candidate) const {
    std::vector<std::string> interfaces;
    for (size_t slot = 0; slot < node.outputs.size(); ++slot) {
      interfaces.push_back(
          interface_of(graph_.desc(node.outputs[slot]), candidate.layouts.outputs[slot], *candidate.primitive)
              .to_string());
    }
    return interfaces;
  }

  /// Whether a node's operands can all be computed inside its output: made by layers that compute, and a part
  /// of nothing else.
  void place_operands(NodeId id) {
    const auto may_share = [](const LayerCandidates& layer, Sharing sharing) {
      return std::any_of(layer.candidates.begin(), layer.candidates.end(), [&](const Candidate& candidate) {
        return candidate.primitive->sharing(layer.layer) == sharing;
      });
    };
    if (!may_share(candidates_.at(graph_.layer(id).key()), Sharing::gathered)) return;
    std::set<ValueId> placed = placed_;
    for (const ValueId operand : graph_.node(id).inputs) {
      const NodeId producer = graph_.value(operand).producer;
      if (producer == absent || graph_.is_output(operand) || !placed.insert(operand).second) return;
      if (may_share(candidates_.at(graph_.layer(producer).key()), Sharing::view)) return;
    }
    placed_ = std::move(placed);
    gathering_.insert(id);
  }

  /// The private interface of an operand that lies in its place in a node's output. A tensor in the interface
  /// `from` can be put there at no cost, by whoever makes it.
  std::string place_in(NodeId id, size_t operand, const Interface& from) {
    const Node& node = graph_.node(id);
    std::string place = fmt::format("{}>{}.{}", from.to_string(), node.name, operand);
    places_[node.inputs[operand]].emplace_back(from, place);
    return place;
  }

  void add_node_choices(NodeId id) {
    const Node& node = graph_.node(id);
    const std::string key = graph_.layer(id).key();
    for (const auto& [candidate, threads] : offers(candidates_.at(key))) {
      const std::string name = on_threads(candidate.primitive->name(), threads);
      const auto cost = costs_.find_at(node.name, key, name);
      if (!cost) continue;
      const bool gathers = candidate.primitive->sharing(candidates_.at(key).layer) == Sharing::gathered;
      if (gathers && !gathering_.contains(id)) continue;
      std::vector<std::string> inputs;
      for (const size_t operand : wired_operands(graph_, node.inputs)) {
        const Interface wanted = interface_of(graph_.desc(node.inputs[operand]),
                                              candidate.layouts.inputs[operand], *candidate.primitive);
        inputs.push_back(gathers ? place_in(id, operand, wanted) : wanted.to_string());
      }
      add_choice(first_node_ + id, name, cost->us, inputs, outputs_of(node, candidate),
                 {candidate.primitive, threads, {id}});
    }
  }

  /// The first node takes its operands and gives a private interface that names them; each inner node passes
  /// it on, with the residual's interface added where that joins; the last node accepts it and carries the
  /// cost.
  void add_fusion_choices(const Fusion& fusion) {
    const LayerDesc layer = graph_.layer(fusion);
    const std::string key = layer.key();
    const std::vector<ValueId> operands = graph_.operands(fusion);
    const Node& anchor = graph_.node(fusion.nodes.front());
    const std::string place = place_of(graph_, fusion.nodes);
    for (const auto& [candidate, threads] : offers(candidates_.at(key))) {
      const std::string name = on_threads(candidate.primitive->name(), threads);
      const auto cost = costs_.find_at(place, key, name);
      if (!cost) continue;
      std::vector<std::string> inputs;
      for (const size_t operand : wired_operands(graph_, anchor.inputs)) {
        inputs.push_back(interface_of(graph_.desc(operands[operand]), candidate.layouts.inputs[operand],
                                      *candidate.primitive)
                             .to_string());
      }
      std::string deferred = fmt::format("{}+deferred.{}", join(inputs, ","), anchor.name);
      add_choice(first_node_ + fusion.nodes.front(), "deferred", 0, inputs, {deferred}, {});
      ValueId current = anchor.outputs[0];
      for (size_t index = 1; index < fusion.nodes.size(); ++index) {
        const NodeId id = fusion.nodes[index];
        const Node& node = graph_.node(id);
        std::vector<std::string> slots;
        std::string residual;
        for (const size_t operand : wired_operands(graph_, node.inputs)) {
          if (node.inputs[operand] == current) {
            slots.push_back(deferred);
          } else {
            residual = interface_of(graph_.desc(node.inputs[operand]), candidate.layouts.inputs.back(),
                                    *candidate.primitive)
                           .to_string();
            slots.push_back(residual);
          }
        }
        current = node.outputs[0];
        if (index + 1 == fusion.nodes.size()) {
          add_choice(first_node_ + id, name, cost->us, slots, outputs_of(node, candidate),
                     {candidate.primitive, threads, fusion.nodes});
        } else {
          if (!residual.empty()) deferred += fmt::format(",{}", residual);
          deferred += fmt::format("+deferred.{}", node.name);
          add_choice(first_node_ + id, "deferred", 0, slots, {deferred}, {});
        }
      }
    }
  }

  void require_choices(NodeId id) const {
    const int layer = first_node_ + id;
    if (!built_.problem.layers[static_cast<size_t>(layer)].choices.empty()) return;
    const std::string key = graph_.layer(id).key();
    std::string reasons;
    for (const Candidate& candidate : candidates_.at(key).candidates) {
      const std::string_view why = costs_.failure(key, candidate.primitive->name());
      reasons += fmt::format("\n  {}: {}", candidate.primitive->name(), why.empty() ? "not measured" : why);
    }
    throw UnsupportedError(
        fmt::format("layer '{}' ({}) has no primitive with a cost:{}", graph_.node(id).name, key, reasons));
  }

  void wire_nodes() {
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
      const Node& node = graph_.node(id);
      int slot = 0;
      for (const size_t operand : wired_operands(graph_, node.inputs)) {
        consumers_[node.inputs[operand]].push_back({first_node_ + id, slot++});
      }
    }
  }

  void add_tensors() {
    for (const auto& [value, producer] : producer_) {
      const auto consumers = consumers_.find(value);
      if (consumers == consumers_.end()) continue;
      ProblemTensor tensor{.producer = producer, .consumers = consumers->second};
      for (const Interface& from : candidates_.interfaces(value)) {
        for (const Interface& to : candidates_.interfaces(value)) {
          if (from == to) continue;
          const auto best = cheapest_reorder(graph_, value, from, to, candidates_, costs_);
          if (!best.primitive) continue;
          tensor.conversions.push_back(
              {built_.problem.intern(from.to_string()), built_.problem.intern(to.to_string()), best.cost_us});
        }
      }
      for (const auto& [from, place] : places_[value]) {
        tensor.conversions.push_back(
            {built_.problem.intern(from.to_string()), built_.problem.intern(place), 0});
      }
      built_.problem.tensors.push_back(std::move(tensor));
      built_.values.push_back(value);
    }
  }

 public:
  struct Reorder {
    const Primitive* primitive = nullptr;
    int threads = 0;
    double cost_us = impossible;
  };
  static Reorder cheapest_reorder(const Graph& graph, ValueId value, const Interface& from,
                                  const Interface& to, const CandidateSet& candidates,
                                  const CostTable& costs) {
    const std::string key = LayerDesc::reorder(graph.desc(value), from, to).key();
    const std::string place = place_of(graph, value);
    Reorder best;
    for (const auto& [candidate, threads] : offers(candidates.at(key))) {
      const auto cost = costs.find_at(place, key, on_threads(candidate.primitive->name(), threads));
      if (cost && cost->us < best.cost_us) best = {candidate.primitive, threads, cost->us};
    }
    return best;
  }

 private:
  const Graph& graph_;
  const CandidateSet& candidates_;
  const CostTable& costs_;
  GraphProblem built_;
  int first_node_ = 0;
  std::map<ValueId, Slot> producer_;
  std::map<ValueId, std::vector<Slot>> consumers_;
  std::set<ValueId> placed_;    // operands of gathering_
  std::set<NodeId> gathering_;  // nodes whose operands can be computed inside their output
  std::map<ValueId, std::vector<std::pair<Interface, std::string>>> places_;
};

}  // namespace

GraphProblem build_problem(const Graph& graph, const CandidateSet& candidates, const CostTable& costs) {
  GraphProblem built = ProblemBuilder(graph, candidates, costs).build();
  built.problem.validate();
  return built;
}

Plan make_plan(const Graph& graph, const GraphProblem& built, const SearchAnswer& answer,
               const CandidateSet& candidates, const CostTable& costs) {
  Plan plan;
  plan.graph_key = graph.key();
  plan.expected_us = answer.cost_us;
  plan.lower_bound_us = answer.lower_bound_us;
  for (size_t layer = 0; layer < built.problem.layers.size(); ++layer) {
    const auto chosen = static_cast<size_t>(answer.choice[layer]);
    const ChoiceMeaning& meaning = built.meanings[layer][chosen];
    if (meaning.primitive == nullptr) continue;
    PlanStep step{.primitive = meaning.primitive->name(),
                  .threads = meaning.threads,
                  .expected_us = built.problem.layers[layer].choices[chosen].cost_us};
    for (const NodeId node : meaning.covers) step.covers.push_back(graph.node(node).name);
    plan.steps.push_back(std::move(step));
  }
  const Evaluation evaluation = evaluate(built.problem, answer.choice);
  for (size_t tensor = 0; tensor < built.values.size(); ++tensor) {
    const ValueId value = built.values[tensor];
    for (const Conversion& conversion : evaluation.tensors[tensor].conversions) {
      // What lies inside an output is put there by whoever makes it.
      if (built.problem.interfaces[static_cast<size_t>(conversion.to)].find('>') != std::string::npos)
        continue;
      const auto from = Interface::parse(built.problem.interfaces[static_cast<size_t>(conversion.from)]);
      const auto to = Interface::parse(built.problem.interfaces[static_cast<size_t>(conversion.to)]);
      const auto reorder = ProblemBuilder::cheapest_reorder(graph, value, from, to, candidates, costs);
      plan.conversions.push_back({graph.value(value).name, from, to, reorder.primitive->name(),
                                  conversion.cost_us, reorder.threads});
    }
  }
  return plan;
}

}  // namespace raceline
