#include "raceline/search/plan_memory.h"

#include <algorithm>
#include <numeric>

#include "raceline/runtime/arena.h"

namespace raceline {
namespace {

/// An accelerator's tensors and workspaces lie in an arena of its own, which does not count.
bool works_on_host(const ChoiceMeaning& meaning) {
  return meaning.primitive != nullptr && meaning.primitive->info().processor == DeviceId{};
}

/// Values that may come to lie in the same memory, by some plan: where a primitive works in place or gives a
/// view, or gathers them. Of each group only one member counts at a time, and none where the group may lie
/// outside the arena.
class SharedMemory {
 public:
  SharedMemory(const Graph& graph, const GraphProblem& built)
      : parents_(graph.values().size()), outside_(graph.values().size()) {
    std::iota(parents_.begin(), parents_.end(), ValueId{0});
    for (const auto& layer : built.meanings) {
      for (const ChoiceMeaning& meaning : layer) {
        if (meaning.primitive == nullptr) continue;
        const Sharing sharing = meaning.primitive->sharing(graph.layer(meaning.covers));
        if (sharing == Sharing::none) continue;
        std::vector<ValueId> operands = graph.operands(meaning.covers);
        if (sharing != Sharing::gathered) operands.resize(std::min<size_t>(1, operands.size()));
        for (const ValueId operand : operands) {
          if (operand == absent) continue;
          parents_[index(group(operand))] = group(graph.node(meaning.covers.back()).outputs[0]);
        }
      }
    }
    for (const ValueId input : graph.inputs()) outside_[index(group(input))] = true;
    for (const Graph::Output& output : graph.outputs()) outside_[index(group(output.value))] = true;
    for (ValueId value = 0; value < static_cast<ValueId>(parents_.size()); ++value) {
      if (graph.is_constant(value)) outside_[index(group(value))] = true;
    }
  }

  ValueId group(ValueId value) {
    while (parents_[index(value)] != value)
      value = parents_[index(value)] = parents_[index(parents_[index(value)])];
    return value;
  }
  bool outside(ValueId group) const { return outside_[index(group)]; }

 private:
  static size_t index(ValueId value) { return static_cast<size_t>(value); }
  std::vector<ValueId> parents_;
  std::vector<bool> outside_;
};

}  // namespace

PlanMemories::PlanMemories(const Graph& graph, const PrimitiveRegistry& registry, Devices devices,
                           int threads)
    : graph_(graph), registry_(registry), devices_(devices), queues_(devices, threads), single_(devices, 1) {}

int PlanMemories::bind(const Primitive& primitive, int threads) {
  Queue& queue = (threads == 1 ? single_ : queues_).on(primitive.info().processor);
  queue.bind();
  return queue.threads();
}

const Footprint& PlanMemories::learn(const ChoiceMeaning& meaning) {
  const LayerDesc layer = graph_.layer(meaning.covers);
  const Primitive& primitive = *meaning.primitive;
  const auto [place, is_new] = known_.try_emplace({layer.key(), &primitive, meaning.threads});
  if (!is_new) return place->second;
  const std::vector<ValueId> operands = graph_.operands(meaning.covers);
  std::vector<TensorView> constants(operands.size());
  for (size_t operand = 0; operand < operands.size(); ++operand) {
    if (operands[operand] != absent && graph_.is_constant(operands[operand]))
      constants[operand] = graph_.constant(operands[operand]);
  }
  if (primitive.sharing(layer) != Sharing::view)
    place->second = footprint(primitive, layer, constants, devices_.at(primitive.info().processor),
                              bind(primitive, meaning.threads));
  return place->second;
}

Packing PlanMemories::packing(const ChoiceMeaning& meaning) {
  const Footprint& known = learn(meaning);
  const std::vector<ValueId> operands = graph_.operands(meaning.covers);
  Packing packing{.packed_bytes = static_cast<size_t>(known.packed_bytes)};
  for (size_t operand = 0; operand < operands.size(); ++operand) {
    if (!graph_.is_constant(operands[operand])) continue;
    const bool reads = known.reads.empty() || known.reads[operand];  // a view has no kernel that packs
    (reads ? packing.read : packing.packed).push_back(operands[operand]);
  }
  return packing;
}

std::vector<std::vector<int64_t>> PlanMemories::packing_bytes(const GraphProblem& built) {
  std::vector<std::vector<int64_t>> bytes;
  for (const auto& layer : built.meanings) {
    std::vector<int64_t>& of_layer = bytes.emplace_back();
    for (const ChoiceMeaning& meaning : layer) {
      const Packing alone = meaning.primitive == nullptr ? Packing{} : packing(meaning);
      of_layer.push_back(static_cast<int64_t>(packing_peak(graph_, {&alone, 1})));
    }
  }
  return bytes;
}

bool PlanMemories::fill(GraphProblem& built, const std::function<bool()>& stop) {
  for (size_t layer = 0; layer < built.meanings.size(); ++layer) {
    for (size_t at = 0; at < built.meanings[layer].size(); ++at) {
      const ChoiceMeaning& meaning = built.meanings[layer][at];
      if (meaning.primitive == nullptr) continue;
      if (stop && stop()) return false;
      const Footprint& found = learn(meaning);
      Choice& choice = built.problem.layers[layer].choices[at];
      choice.weights_bytes = found.weights_bytes;
      choice.workspace_bytes = works_on_host(meaning) ? found.workspace_bytes : 0;
    }
  }
  return true;
}

std::vector<std::vector<int64_t>> PlanMemories::working_bytes(const GraphProblem& built) {
  SharedMemory shared(graph_, built);
  std::vector<std::vector<int64_t>> working;
  for (size_t layer = 0; layer < built.meanings.size(); ++layer) {
    std::vector<int64_t>& of_layer = working.emplace_back();
    for (size_t at = 0; at < built.meanings[layer].size(); ++at) {
      const ChoiceMeaning& meaning = built.meanings[layer][at];
      int64_t& bytes = of_layer.emplace_back(built.problem.layers[layer].choices[at].workspace_bytes);
      if (!works_on_host(meaning)) continue;
      const LayerDesc desc = graph_.layer(meaning.covers);
      const LayerLayouts layouts = meaning.primitive->layouts(desc);
      std::map<ValueId, int64_t> groups;
      const auto add = [&](ValueId value, Layout layout) {
        if (value == absent) return;
        const ValueId group = shared.group(value);
        if (shared.outside(group)) return;
        groups[group] =
            std::max(groups[group], static_cast<int64_t>(graph_.desc(value).with(layout).bytes()));
      };
      const std::vector<ValueId> operands = graph_.operands(meaning.covers);
      for (size_t operand = 0; operand < operands.size(); ++operand) {
        if (operands[operand] == absent || graph_.is_constant(operands[operand])) continue;
        add(operands[operand], layouts.inputs[operand]);
      }
      const std::vector<ValueId>& outputs = graph_.node(meaning.covers.back()).outputs;
      for (size_t slot = 0; slot < outputs.size(); ++slot) add(outputs[slot], layouts.outputs[slot]);
      for (const auto& [group, most] : groups) bytes += most;
    }
  }
  return working;
}

size_t PlanMemories::workspace_bytes(const Primitive& primitive, const LayerDesc& layer, int threads) {
  const Known key{layer.key(), &primitive, threads};
  if (const auto found = known_.find(key); found != known_.end())
    return static_cast<size_t>(found->second.workspace_bytes);
  const auto [place, is_new] = workspaces_.try_emplace(key);
  if (is_new) place->second = primitive.workspace_bytes(layer, bind(primitive, threads));
  return place->second;
}

PlanMemory PlanMemories::memory(const GraphProblem& built, std::span<const int> choice,
                                const CandidateSet& candidates, const CostTable& costs) {
  PlanMemory memory;
  std::vector<Packing> packings;
  for (size_t layer = 0; layer < choice.size(); ++layer) {
    const auto at = static_cast<size_t>(choice[layer]);
    memory.weights_bytes += built.problem.layers[layer].choices[at].weights_bytes;
    const ChoiceMeaning& meaning = built.meanings[layer][at];
    if (meaning.primitive != nullptr) packings.push_back(packing(meaning));
  }
  memory.packing_bytes = static_cast<int64_t>(packing_peak(graph_, packings));
  SearchAnswer answer;
  answer.choice.assign(choice.begin(), choice.end());
  const Plan plan = make_plan(graph_, built, answer, candidates, costs);
  const MemoryPlan arena = planned_arena(
      plan, graph_, registry_, [this](const Primitive& primitive, const LayerDesc& layer, int threads) {
        return workspace_bytes(primitive, layer, threads);
      });
  memory.arena_bytes = static_cast<int64_t>(arena.arena_bytes);
  return memory;
}

}  // namespace raceline
