#include "raceline/profile/candidates.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

constexpr size_t most_named = 10;  ///< layers named in one error

void add(std::vector<Interface>& interfaces, const Interface& one) {
  const auto place = std::lower_bound(interfaces.begin(), interfaces.end(), one);
  if (place == interfaces.end() || *place != one) interfaces.insert(place, one);
}

/// A fused layer is an alternative that nobody needs: for it the filter's word stands.
LayerCandidates find_candidates(const PrimitiveRegistry& registry, const LayerDesc& layer,
                                const PrimitiveFilter& filter) {
  LayerCandidates found{layer, {}};
  std::vector<const Primitive*> able = registry.candidates(layer);
  const auto refused = [&](const Primitive* primitive) { return !filter.admits(primitive->name()); };
  if (layer.is_fused() || !std::all_of(able.begin(), able.end(), refused)) std::erase_if(able, refused);
  for (const Primitive* primitive : able) found.candidates.push_back({primitive, primitive->layouts(layer)});
  return found;
}

/// Notes the interfaces at which the candidates of a node or fusion meet its operands and outputs.
void add_interfaces(std::vector<std::vector<Interface>>& interfaces, const LayerCandidates& able,
                    std::span<const ValueId> operands, std::span<const ValueId> outputs) {
  for (const Candidate& candidate : able.candidates) {
    const DeviceId device = candidate.primitive->info().processor;
    for (size_t i = 0; i < operands.size(); ++i) {
      const OperandDesc& operand = able.layer.inputs[i];
      if (operands[i] == absent || operand.constant) continue;
      add(interfaces[static_cast<size_t>(operands[i])],
          {device, candidate.layouts.inputs[i], operand.desc.type});
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      add(interfaces[static_cast<size_t>(outputs[i])],
          {device, candidate.layouts.outputs[i], able.layer.outputs[i].type});
    }
  }
}

/// The layer's constants, as large as the candidates may pack them: Winograd with tiles of 4x4 holds 36
/// values for the 9 of a 3x3 kernel.
size_t packed_bytes(const LayerCandidates& able) {
  size_t bytes = 0;
  for (const OperandDesc& operand : able.layer.inputs) {
    if (operand.present && operand.constant) bytes += operand.desc.bytes();
  }
  const bool winograd = std::any_of(
      able.candidates.begin(), able.candidates.end(),
      [](const Candidate& candidate) { return candidate.primitive->info().algorithm.starts_with("wino"); });
  return winograd ? 4 * bytes : bytes;
}

}  // namespace

CandidateSet::CandidateSet(const Graph& graph, const PrimitiveRegistry& registry,
                           const PrimitiveFilter& filter)
    : interfaces_(graph.values().size()) {
  std::set<std::string> impossible;
  const auto ask = [&](const LayerDesc& layer) -> const LayerCandidates& {
    const auto [place, is_new] = layers_.try_emplace(layer.key());
    if (is_new) place->second = find_candidates(registry, layer, filter);
    return place->second;
  };
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    const LayerCandidates& able = ask(graph.layer(id));
    if (able.candidates.empty()) impossible.insert(able.layer.key());
    add_interfaces(interfaces_, able, graph.node(id).inputs, graph.node(id).outputs);
    weights_bytes_ += packed_bytes(able);
  }
  if (!impossible.empty()) {
    std::vector<std::string> named(impossible.begin(), impossible.end());
    const size_t more = named.size() > most_named ? named.size() - most_named : 0;
    named.resize(named.size() - more);
    throw UnsupportedError(fmt::format("no primitive of this build can compute {}{}", join(named, "; "),
                                       more > 0 ? fmt::format(" and {} more layers", more) : ""));
  }
  for (const Fusion& fusion : graph.fusions()) {
    const LayerCandidates& able = ask(graph.layer(fusion));
    add_interfaces(interfaces_, able, graph.operands(fusion), graph.node(fusion.nodes.back()).outputs);
  }

  const auto add_network_side = [&](ValueId value) {
    if (!graph.is_constant(value))
      add(interfaces_[static_cast<size_t>(value)], {{}, Layout::nchw, graph.desc(value).type});
  };
  for (const ValueId input : graph.inputs()) add_network_side(input);
  for (const Graph::Output& output : graph.outputs()) add_network_side(output.value);

  for (ValueId id = 0; id < static_cast<ValueId>(interfaces_.size()); ++id) {
    for (const Interface& from : interfaces(id)) {
      for (const Interface& to : interfaces(id)) {
        if (from != to) ask(LayerDesc::reorder(graph.desc(id), from, to));
      }
    }
  }
}

const LayerCandidates& CandidateSet::at(const std::string& layer_key) const {
  const auto place = layers_.find(layer_key);
  if (place == layers_.end()) throw Error(fmt::format("layer '{}' is not of this graph", layer_key));
  return place->second;
}

}  // namespace raceline
