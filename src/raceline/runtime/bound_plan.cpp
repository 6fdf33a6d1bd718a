#include "raceline/runtime/bound_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

/// Names come from files; what is quoted of them stays short.
std::string clipped(std::string_view name) {
  return std::string(name.substr(0, 120));
}

std::string nearest_text(std::string_view name, std::span<const std::string> names) {
  if (names.empty()) return "there is none";
  return fmt::format("the nearest are {}", join(nearest(clipped(name), names), ", "));
}

const Primitive* find_primitive(const std::string& name, OpKind op, const PrimitiveRegistry& registry,
                                std::string& why) {
  const Primitive* primitive = registry.find(name);
  if (primitive == nullptr) {
    std::vector<std::string> names;
    for (const auto& other : registry.all()) {
      if (other->info().op == op) names.push_back(other->name());
    }
    why = fmt::format("no primitive '{}' in this build; {}", clipped(name), nearest_text(name, names));
  } else if (primitive->info().op != op) {
    why = fmt::format("primitive '{}' computes {}, wanted is one for {}", name,
                      to_string(primitive->info().op), to_string(op));
    primitive = nullptr;
  }
  return primitive;
}

std::optional<std::vector<NodeId>> find_nodes(const PlanStep& step, const Graph& graph, std::string& why) {
  std::vector<NodeId> nodes;
  for (const std::string& name : step.covers) {
    nodes.push_back(graph.find_node(name));
    if (nodes.back() != absent) continue;
    std::vector<std::string> names;
    for (const Node& node : graph.nodes()) names.push_back(node.name);
    why = fmt::format("no node '{}' in the graph; {}", clipped(name), nearest_text(name, names));
    return std::nullopt;
  }
  const auto fusions = graph.fusions();
  if (nodes.size() == 1 || std::find(fusions.begin(), fusions.end(), Fusion{nodes}) != fusions.end())
    return nodes;
  if (nodes.empty()) {
    why = "it covers no node";
    return std::nullopt;
  }
  std::vector<std::string> names;
  for (const Fusion& fusion : fusions) {
    std::vector<std::string> parts;
    for (const NodeId id : fusion.nodes) parts.push_back(graph.node(id).name);
    names.push_back(step_name(parts));
  }
  why =
      fmt::format("these nodes are no fusion of the graph; {}", nearest_text(step_name(step.covers), names));
  return std::nullopt;
}

}  // namespace

std::string Reasons::to_string() const {
  return join(texts_, "\n  ") + (full() ? "\n  (no more than these reasons are given)" : "");
}

std::string step_name(std::span<const std::string> covers) {
  return join(covers, "+");
}

Interface plain_interface(const TensorDesc& desc) {
  return {{}, Layout::nchw, desc.type};
}

std::optional<BoundStep> bind_step(const PlanStep& step, const Graph& graph,
                                   const PrimitiveRegistry& registry, std::string& why) {
  auto nodes = find_nodes(step, graph, why);
  if (!nodes) return std::nullopt;
  const Primitive* primitive = find_primitive(step.primitive, graph.layer(*nodes).op, registry, why);
  if (primitive == nullptr) return std::nullopt;
  return bind_nodes(std::move(*nodes), *primitive, graph, why);
}

std::optional<BoundStep> bind_nodes(std::vector<NodeId> nodes, const Primitive& primitive, const Graph& graph,
                                    std::string& why) {
  BoundStep step{.nodes = std::move(nodes), .primitive = &primitive};
  const Node& last = graph.node(step.nodes.back());
  step.layer = graph.layer(step.nodes);
  step.inputs = graph.operands(step.nodes);
  step.outputs = last.outputs;
  if (const Support support = primitive.supports(step.layer); !support) {
    why = fmt::format("{} cannot: {}", primitive.name(), support.why());
    return std::nullopt;
  }
  const LayerLayouts layouts = primitive.layouts(step.layer);
  const auto interfaces = [&](const std::vector<Layout>& of, std::span<const ValueId> values, bool operands,
                              std::vector<Interface>& result) {
    for (size_t slot = 0; slot < values.size(); ++slot) {
      const bool free = operands && (values[slot] == absent || graph.is_constant(values[slot]));
      result.emplace_back();
      if (free) continue;
      const TensorDesc& desc = graph.desc(values[slot]);
      if (slot >= of.size() || !exists_for(of[slot], desc.shape)) {
        why = fmt::format("{} names no layout that {} {} ({}) can have", primitive.name(),
                          operands ? "operand" : "output", slot, desc.to_string());
        return false;
      }
      result.back() = {primitive.info().processor, of[slot], desc.type};
    }
    return true;
  };
  if (!interfaces(layouts.inputs, step.inputs, true, step.wants)) return std::nullopt;
  if (!interfaces(layouts.outputs, step.outputs, false, step.gives)) return std::nullopt;
  return step;
}

std::optional<BoundConversion> bind_conversion(const PlanConversion& conversion, const Graph& graph,
                                               const PrimitiveRegistry& registry, std::string& why) {
  BoundConversion bound{
      .value = graph.find_value(conversion.tensor), .from = conversion.from, .to = conversion.to};
  if (bound.value == absent) {
    std::vector<std::string> names;
    for (const Value& value : graph.values()) {
      if (value.constant == absent) names.push_back(value.name);
    }
    why = fmt::format("no tensor '{}' in the graph; {}", clipped(conversion.tensor),
                      nearest_text(conversion.tensor, names));
    return std::nullopt;
  }
  if (graph.is_constant(bound.value)) {
    why = "the tensor is a constant, which kernels get as it is";
    return std::nullopt;
  }
  const TensorDesc& desc = graph.desc(bound.value);
  for (const Interface& interface : {bound.from, bound.to}) {
    if (exists_for(interface.layout, desc.shape)) continue;
    why = fmt::format("a tensor of shape {} has no layout {}", desc.shape.to_string(),
                      to_string(interface.layout));
    return std::nullopt;
  }
  bound.layer = LayerDesc::reorder(desc, bound.from, bound.to);
  bound.primitive = find_primitive(conversion.primitive, OpKind::reorder, registry, why);
  if (bound.primitive == nullptr) return std::nullopt;
  if (const Support support = bound.primitive->supports(bound.layer); !support) {
    why = fmt::format("{} cannot: {}", bound.primitive->name(), support.why());
    return std::nullopt;
  }
  return bound;
}

std::vector<Need> needs_of(const Graph& graph, std::span<const BoundStep> steps) {
  std::vector<Need> needs;
  for (size_t step = 0; step < steps.size(); ++step) {
    for (size_t operand = 0; operand < steps[step].inputs.size(); ++operand) {
      const ValueId value = steps[step].inputs[operand];
      if (value == absent || graph.is_constant(value)) continue;
      needs.push_back({value, steps[step].wants[operand], step, operand});
    }
  }
  for (size_t output = 0; output < graph.outputs().size(); ++output) {
    const ValueId value = graph.outputs()[output].value;
    if (graph.is_constant(value)) continue;
    needs.push_back({value, plain_interface(graph.desc(value)), steps.size() + output, 0});
  }
  return needs;
}

Availability::Availability(const Graph& graph, std::span<const BoundStep> steps)
    : existing_(graph.values().size()) {
  for (const ValueId input : graph.inputs()) {
    existing_[static_cast<size_t>(input)].push_back(plain_interface(graph.desc(input)));
  }
  for (const BoundStep& step : steps) {
    for (size_t slot = 0; slot < step.outputs.size(); ++slot) {
      existing_[static_cast<size_t>(step.outputs[slot])].push_back(step.gives[slot]);
    }
  }
}

Availability::Misfits Availability::add(std::span<const BoundConversion> conversions) {
  // A round makes what can be made; the longest chain, and so the number of rounds, is as short as there are
  // interfaces of one tensor.
  std::vector<size_t> waiting(conversions.size());
  for (size_t index = 0; index < waiting.size(); ++index) waiting[index] = index;
  Misfits misfits;
  for (bool progress = true; progress;) {
    progress = false;
    std::vector<size_t> later;
    for (const size_t index : waiting) {
      const BoundConversion& conversion = conversions[index];
      if (!has(conversion.value, conversion.from)) {
        later.push_back(index);
      } else if (has(conversion.value, conversion.to)) {
        misfits.duplicate.push_back(index);
      } else {
        existing_[static_cast<size_t>(conversion.value)].push_back(conversion.to);
        progress = true;
      }
    }
    waiting = std::move(later);
  }
  misfits.unreachable = std::move(waiting);
  return misfits;
}

bool Availability::has(ValueId value, const Interface& interface) const {
  const auto& existing = existing_[static_cast<size_t>(value)];
  return std::find(existing.begin(), existing.end(), interface) != existing.end();
}

std::string Availability::text(ValueId value) const {
  std::vector<std::string> names;
  for (const Interface& interface : of(value)) names.push_back(interface.to_string());
  if (names.empty()) return "nowhere";
  return fmt::format("only as {}", join(names, " and "));
}

std::vector<size_t> unused_conversions(std::span<const BoundConversion> conversions,
                                       std::span<const Need> needs) {
  std::set<std::pair<ValueId, Interface>> wanted;
  for (const Need& need : needs) wanted.emplace(need.value, need.interface);
  for (bool progress = true; progress;) {
    progress = false;
    for (const BoundConversion& conversion : conversions) {
      if (!wanted.contains({conversion.value, conversion.to})) continue;
      progress |= wanted.emplace(conversion.value, conversion.from).second;
    }
  }
  std::vector<size_t> unused;
  for (size_t index = 0; index < conversions.size(); ++index) {
    if (!wanted.contains({conversions[index].value, conversions[index].to})) unused.push_back(index);
  }
  return unused;
}

}  // namespace raceline
