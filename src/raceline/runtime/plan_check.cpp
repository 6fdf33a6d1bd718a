// Whether a plan fits a graph, a registry and a machine, with all reasons where it does not.
#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/device/devices.h"
#include "raceline/runtime/bound_plan.h"

namespace raceline {
namespace {

/// What can be said cheaply of the difference between the plan's graph and this one.
std::string graph_difference(const Plan& plan, const Graph& graph) {
  std::vector<std::string> differences;
  for (const ValueId input : graph.inputs()) {
    const std::string& name = graph.value(input).name;
    const std::string given = graph.desc(input).to_string();
    const auto planned = plan.shapes.find(name);
    if (planned == plan.shapes.end()) {
      differences.push_back(fmt::format("the plan knows no input '{}'", name));
    } else if (planned->second != given) {
      differences.push_back(
          fmt::format("input '{}' is {} here, the plan is for {}", name, given, planned->second));
    }
    if (differences.size() >= 3) break;
  }
  size_t covered = 0;
  for (const PlanStep& step : plan.steps) covered += step.covers.size();
  if (covered != graph.nodes().size()) {
    differences.push_back(
        fmt::format("the plan covers {} nodes, the graph has {}", covered, graph.nodes().size()));
  }
  if (differences.empty()) differences.push_back("a name or a parameter differs");
  std::string text = join(differences, "; ");
  if (!plan.fusion || !plan.without_passes.empty()) {
    text += fmt::format(" (the plan's graph was made with fusion {} and without the passes [{}])",
                        plan.fusion ? "on" : "off", join(plan.without_passes, ", "));
  }
  return text;
}

void check_covers(const Plan& plan, const Graph& graph, const std::vector<int>& covered, Reasons& reasons) {
  for (size_t id = 0; id < covered.size(); ++id) {
    if (covered[id] == 1 || reasons.full()) continue;
    const std::string& name = graph.node(static_cast<NodeId>(id)).name;
    if (covered[id] == 0) {
      reasons.add(fmt::format("node '{}' is covered by no step", name));
      continue;
    }
    std::vector<std::string> steps;
    for (const PlanStep& step : plan.steps) {
      if (steps.size() == 5) break;
      if (std::find(step.covers.begin(), step.covers.end(), name) == step.covers.end()) continue;
      steps.push_back(fmt::format("'{}'", step_name(step.covers)));
    }
    reasons.add(
        fmt::format("node '{}' is covered {} times, by the steps {}", name, covered[id], join(steps, ", ")));
  }
}

std::string conversion_text(const PlanConversion& conversion) {
  return fmt::format("conversion of '{}' from {} to {}", conversion.tensor, conversion.from.to_string(),
                     conversion.to.to_string());
}

}  // namespace

BoundPlan bind_plan(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                    std::string_view machine, Reasons& reasons) {
  if (const std::string key = graph.key(); plan.graph_key != key) {
    reasons.add(fmt::format("made for another graph: the plan's key is {}, this graph's is {}: {}",
                            plan.graph_key, key, graph_difference(plan, graph)));
  }
  if (!plan.machine.empty() && !machine.empty() && !has_devices(machine, plan.machine)) {
    reasons.add(
        fmt::format("made for another machine: the plan's is {}, this one is {}", plan.machine, machine));
  }
  if (plan.threads < 1) reasons.add(fmt::format("threads is {}; at least 1 is wanted", plan.threads));

  BoundPlan bound;
  std::vector<int> covered(graph.nodes().size());
  for (size_t index = 0; index < plan.steps.size(); ++index) {
    const PlanStep& step = plan.steps[index];
    for (const std::string& name : step.covers) {
      if (const NodeId node = graph.find_node(name); node != absent) ++covered[static_cast<size_t>(node)];
    }
    if (step.threads < 0)
      reasons.add(fmt::format("step '{}': threads is {}", step_name(step.covers), step.threads));
    std::string why;
    if (reasons.full()) return bound;
    if (auto fitting = bind_step(step, graph, registry, why)) {
      fitting->index = index;
      bound.steps.push_back(std::move(*fitting));
    } else {
      reasons.add(fmt::format("step '{}': {}", step_name(step.covers), why));
    }
  }
  check_covers(plan, graph, covered, reasons);
  std::stable_sort(bound.steps.begin(), bound.steps.end(),
                   [](const BoundStep& a, const BoundStep& b) { return a.nodes.back() < b.nodes.back(); });

  for (size_t index = 0; index < plan.conversions.size() && !reasons.full(); ++index) {
    if (plan.conversions[index].threads < 0) {
      reasons.add(fmt::format("{}: threads is {}", conversion_text(plan.conversions[index]),
                              plan.conversions[index].threads));
    }
    std::string why;
    if (auto fitting = bind_conversion(plan.conversions[index], graph, registry, why)) {
      fitting->index = index;
      bound.conversions.push_back(std::move(*fitting));
    } else {
      reasons.add(fmt::format("{}: {}", conversion_text(plan.conversions[index]), why));
    }
  }
  // With a step or conversion missing, that something does not exist would only be said again.
  if (!reasons.empty()) return bound;

  Availability available(graph, bound.steps);
  const Availability::Misfits misfits = available.add(bound.conversions);
  const auto text_of = [&](size_t index) {
    return conversion_text(plan.conversions[bound.conversions[index].index]);
  };
  for (const size_t index : misfits.duplicate) {
    reasons.add(fmt::format("{}: the tensor exists in that interface already", text_of(index)));
  }
  for (const size_t index : misfits.unreachable) {
    reasons.add(fmt::format("{}: the tensor exists {}", text_of(index),
                            available.text(bound.conversions[index].value)));
  }
  const std::vector<Need> needs = needs_of(graph, bound.steps);
  for (const Need& need : needs) {
    if (reasons.full()) break;
    if (available.has(need.value, need.interface)) continue;
    const std::string& tensor = graph.value(need.value).name;
    std::string who;
    if (need.step < bound.steps.size()) {
      const PlanStep& step = plan.steps[bound.steps[need.step].index];
      who = fmt::format("step '{}' ({}) wants operand {}, '{}',", step_name(step.covers), step.primitive,
                        need.operand, tensor);
    } else {
      who = fmt::format("graph output '{}' wants '{}'", graph.outputs()[need.step - bound.steps.size()].name,
                        tensor);
    }
    reasons.add(fmt::format("{} as {}, but it exists {}", who, need.interface.to_string(),
                            available.text(need.value)));
  }
  if (!reasons.empty()) return bound;
  for (const size_t index : unused_conversions(bound.conversions, needs)) {
    reasons.add(fmt::format("{}: nobody uses the result", text_of(index)));
  }
  return bound;
}

BoundPlan bind_plan(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                    std::string_view machine) {
  Reasons reasons;
  BoundPlan bound = bind_plan(plan, graph, registry, machine, reasons);
  if (!reasons.empty()) throw PlanError(fmt::format("the plan does not fit:\n  {}", reasons.to_string()));
  return bound;
}

void Plan::check(const Graph& graph, const PrimitiveRegistry& registry, std::string_view on_machine) const {
  bind_plan(*this, graph, registry, on_machine);
}

}  // namespace raceline
