// Makes a plan fit: what does not is replaced by the reference primitives.
#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/device/devices.h"
#include "raceline/runtime/bound_plan.h"

namespace raceline {
namespace {

class PlanRepair {
 public:
  PlanRepair(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry)
      : given_(plan), graph_(graph), registry_(registry), covered_(graph.nodes().size()) {}

  RepairedPlan repair(std::string_view machine) {
    repaired_.plan = given_;
    repaired_.plan.steps.clear();
    repaired_.plan.conversions.clear();
    repair_head(machine);
    for (const PlanStep& step : given_.steps) keep_or_replace(step);
    for (NodeId id = 0; id < static_cast<NodeId>(covered_.size()); ++id) {
      if (covered_[static_cast<size_t>(id)]) continue;
      add_reference({id});
      change("node '{}' was covered by no step: {}", graph_.node(id).name, steps_.back().plan.primitive);
    }
    std::stable_sort(steps_.begin(), steps_.end(), [](const Step& a, const Step& b) {
      return a.bound.nodes.back() < b.bound.nodes.back();
    });
    repair_conversions();
    finish();
    return std::move(repaired_);
  }

 private:
  struct Step {
    PlanStep plan;
    BoundStep bound;
  };

  template <class... Args>
  void change(fmt::format_string<Args...> format, Args&&... args) {
    repaired_.changes.push_back(fmt::format(format, std::forward<Args>(args)...));
  }

  void repair_head(std::string_view machine) {
    Plan& plan = repaired_.plan;
    if (std::string key = graph_.key(); plan.graph_key != key) {
      change("made for another graph: key {} is now {}", plan.graph_key, key);
      plan.graph_key = std::move(key);
    }
    std::map<std::string, std::string> shapes;
    for (const ValueId input : graph_.inputs()) {
      shapes[graph_.value(input).name] = graph_.desc(input).to_string();
    }
    if (plan.shapes != shapes) {
      change("the shapes of the inputs are now those of the graph");
      plan.shapes = std::move(shapes);
    }
    foreign_ = !plan.machine.empty() && !machine.empty() && !has_devices(machine, plan.machine);
    if (foreign_) {
      change("made for another machine: {} is now {}, and no times are expected", plan.machine, machine);
      plan.machine = machine;
    }
    if (plan.threads < 1) {
      change("threads was {} and is now 1", plan.threads);
      plan.threads = 1;
    }
  }

  void keep_or_replace(PlanStep step) {
    const std::string name = step_name(step.covers);
    if (step.threads < 0) {
      change("step '{}': threads was {} and is now 0", name, step.threads);
      step.threads = 0;
    }
    std::vector<NodeId> nodes;
    bool all_known = true;
    for (const std::string& node : step.covers) {
      nodes.push_back(graph_.find_node(node));
      all_known &= nodes.back() != absent;
    }
    const auto taken = [&](NodeId node) { return node != absent && covered_[static_cast<size_t>(node)]; };
    if (std::any_of(nodes.begin(), nodes.end(), taken)) {
      change("step '{}' dropped: it covers a node that another step covers", name);
      return;
    }
    std::string why;
    if (auto bound = bind_step(step, graph_, registry_, why)) {
      for (const NodeId node : bound->nodes) covered_[static_cast<size_t>(node)] = true;
      steps_.push_back({std::move(step), std::move(*bound)});
      return;
    }
    const auto& fusions = graph_.fusions();
    const bool fits = all_known && (nodes.size() == 1 || std::find(fusions.begin(), fusions.end(),
                                                                   Fusion{nodes}) != fusions.end());
    if (fits && try_reference(nodes)) {
      change("step '{}': {}; now {}", name, why, steps_.back().plan.primitive);
    } else {
      change("step '{}' dropped: {}", name, why);  // its nodes get steps of their own
    }
  }

  bool try_reference(const std::vector<NodeId>& nodes) {
    try {
      add_reference(nodes);
      return true;
    } catch (const UnsupportedError&) {
      if (nodes.size() == 1) throw;
      return false;  // no reference primitive has this epilogue: one step a node
    }
  }

  void add_reference(const std::vector<NodeId>& nodes) {
    const LayerDesc layer = graph_.layer(nodes);
    const Primitive& primitive = registry_.reference(layer);
    std::string why;
    auto bound = bind_nodes(nodes, primitive, graph_, why);
    if (!bound) throw UnsupportedError(why);
    PlanStep step{.primitive = primitive.name()};
    for (const NodeId node : nodes) step.covers.push_back(graph_.node(node).name);
    for (const NodeId node : nodes) covered_[static_cast<size_t>(node)] = true;
    steps_.push_back({std::move(step), std::move(*bound)});
  }

  /// Keeps the conversions that can be made and are used, and adds those that are missing.
  void repair_conversions() {
    std::vector<BoundStep> steps;
    for (const Step& step : steps_) steps.push_back(step.bound);
    std::vector<BoundConversion> kept;
    std::vector<PlanConversion> kept_plan;
    const auto dropped = [&](const PlanConversion& conversion, std::string_view why) {
      change("conversion of '{}' from {} to {} dropped: {}", conversion.tensor, conversion.from.to_string(),
             conversion.to.to_string(), why);
    };
    for (PlanConversion conversion : given_.conversions) {
      if (conversion.threads < 0) {
        change("conversion of '{}': threads was {} and is now 0", conversion.tensor, conversion.threads);
        conversion.threads = 0;
      }
      std::string why;
      if (auto bound = bind_conversion(conversion, graph_, registry_, why)) {
        kept.push_back(std::move(*bound));
        kept_plan.push_back(conversion);
      } else {
        dropped(conversion, why);
      }
    }
    const auto remove = [&](std::vector<size_t> which, std::string_view why) {
      std::sort(which.rbegin(), which.rend());
      for (const size_t index : which) {
        dropped(kept_plan[index], why);
        kept.erase(kept.begin() + static_cast<ptrdiff_t>(index));
        kept_plan.erase(kept_plan.begin() + static_cast<ptrdiff_t>(index));
      }
    };
    Availability available(graph_, steps);
    const Availability::Misfits misfits = available.add(kept);
    std::vector<size_t> misfit = misfits.unreachable;
    misfit.insert(misfit.end(), misfits.duplicate.begin(), misfits.duplicate.end());
    remove(std::move(misfit), "it starts from what does not exist or makes what exists already");
    for (const Need& need : needs_of(graph_, steps)) {
      // Between devices a tensor goes as cpu:nchw goes: in that layout, on both sides.
      for (const Interface& stop : stops(need, available)) {
        if (available.has(need.value, stop)) continue;
        PlanConversion added;
        BoundConversion bound = bridge({need.value, stop, need.step, need.operand}, available, added);
        available.add({&bound, 1});
        change("conversion of '{}' from {} to {} added: {}", added.tensor, added.from.to_string(),
               added.to.to_string(), added.primitive);
        kept.push_back(std::move(bound));
        kept_plan.push_back(std::move(added));
      }
    }
    remove(unused_conversions(kept, needs_of(graph_, steps)), "nobody uses the result");

    std::vector<size_t> order(kept.size());
    for (size_t index = 0; index < order.size(); ++index) order[index] = index;
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return kept[a].value < kept[b].value; });
    for (const size_t index : order) repaired_.plan.conversions.push_back(kept_plan[index]);
  }

  /// The interfaces to make one after the other until the need is met.
  static std::vector<Interface> stops(const Need& need, const Availability& available) {
    const Interface& wanted = need.interface;
    const std::span<const Interface> there = available.of(need.value);
    const bool on_device = std::any_of(there.begin(), there.end(), [&](const Interface& interface) {
      return interface.device == wanted.device;
    });
    if (on_device || there.empty()) return {wanted};
    const Interface left{there.front().device, Layout::nchw, wanted.type};
    const Interface entered{wanted.device, Layout::nchw, wanted.type};
    return {left, entered, wanted};
  }

  /// The reference primitive of a reorder, or the first that copies between its devices.
  const Primitive& reorder_of(const LayerDesc& layer) const {
    const ReorderParams& params = layer.as<ReorderParams>();
    if (params.from.device == params.to.device) return registry_.reference(layer);
    const std::vector<const Primitive*> able = registry_.candidates(layer);
    if (able.empty())
      throw UnsupportedError(fmt::format("no primitive of this build can compute {}", layer.key()));
    return *able.front();
  }

  /// From any interface in which the value exists; through cpu:nchw is never shorter, as a reference reorder
  /// knows all pairs of layouts.
  BoundConversion bridge(const Need& need, const Availability& available, PlanConversion& added) const {
    const TensorDesc& desc = graph_.desc(need.value);
    std::string why = "the tensor exists nowhere";
    for (const Interface& from : available.of(need.value)) {
      try {
        const Primitive& primitive = reorder_of(LayerDesc::reorder(desc, from, need.interface));
        added = {graph_.value(need.value).name, from, need.interface, primitive.name()};
        if (auto bound = bind_conversion(added, graph_, registry_, why)) return std::move(*bound);
      } catch (const UnsupportedError& error) {
        why = error.what();
      }
    }
    throw UnsupportedError(fmt::format("no reorder makes tensor '{}' available as {}: {}",
                                       graph_.value(need.value).name, need.interface.to_string(), why));
  }

  void finish() {
    Plan& plan = repaired_.plan;
    for (Step& step : steps_) plan.steps.push_back(std::move(step.plan));
    if (repaired_.changes.empty()) {
      plan = given_;
      return;
    }
    plan.expected_us = 0;
    plan.lower_bound_us = 0;
    for (PlanStep& step : plan.steps) {
      if (foreign_) step.expected_us = 0;
      plan.expected_us += step.expected_us;
    }
    for (PlanConversion& conversion : plan.conversions) {
      if (foreign_) conversion.expected_us = 0;
      plan.expected_us += conversion.expected_us;
    }
  }

  const Plan& given_;
  const Graph& graph_;
  const PrimitiveRegistry& registry_;
  std::vector<bool> covered_;
  std::vector<Step> steps_;
  RepairedPlan repaired_;
  bool foreign_ = false;
};

}  // namespace

RepairedPlan repair_plan(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                         std::string_view machine) {
  return PlanRepair(plan, graph, registry).repair(machine);
}

}  // namespace raceline
