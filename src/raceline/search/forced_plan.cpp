#include "raceline/search/forced_plan.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "raceline/profile/cost_table.h"
#include "raceline/search/build_problem.h"

namespace raceline {
namespace {

// Made-up costs that express an order of preference, not times: any wanted primitive is better than any
// number of conversions, and the reference is the last resort.
constexpr double wanted_cost = 1;
constexpr double fill_cost = 1e2;
constexpr double reference_cost = 1e4;
constexpr double wrong_layout_cost = 1;
constexpr double conversion_cost = 1e-3;

bool is_reference(const Primitive& primitive) {
  return primitive.info().library == "reference";
}

/// Primitives that differ in layouts alone.
auto family_of(const Primitive& primitive) {
  const PrimitiveInfo& info = primitive.info();
  return std::tie(info.library, info.algorithm, info.implementation);
}

/// The candidates that fill in for a layer: of the libraries' families the one that knows most layouts, so
/// that few conversions are needed (the first of the registry's order among equals), or else the reference.
/// Copies between devices know no reference.
std::vector<const Candidate*> fillers(const LayerCandidates& layer, FillIn fill) {
  std::vector<const Candidate*> best, reference;
  for (const Candidate& first : layer.candidates) {
    if (is_reference(*first.primitive)) reference.push_back(&first);
    if (is_reference(*first.primitive) || fill == FillIn::reference) continue;
    std::vector<const Candidate*> family;
    for (const Candidate& candidate : layer.candidates) {
      if (family_of(*candidate.primitive) == family_of(*first.primitive)) family.push_back(&candidate);
    }
    if (family.size() > best.size()) best = std::move(family);
  }
  if (best.empty() && reference.empty() && fill == FillIn::reference)
    return fillers(layer, FillIn::libraries);
  return best.empty() ? reference : best;
}

class ForcedCosts {
 public:
  ForcedCosts(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted, FillIn fill)
      : graph_(graph), wanted_(wanted), fill_(fill) {
    for (const auto& [key, layer] : candidates.layers()) {
      if (layer.layer.op == OpKind::reorder) {
        add_reorder(key, layer);
      } else {
        add_layer(key, layer);
      }
    }
    if (wants_layers_ || wanted_reorder_ == nullptr) return;
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
      add_node(id, candidates.at(graph.layer(id).key()));
    }
  }

  const CostTable& table() const { return costs_; }

 private:
  bool is_wanted(const Candidate& candidate) const { return wanted_.admits(candidate.primitive->name()); }

  /// A wanted reorder is tried wherever it fits.
  void add_reorder(const std::string& key, const LayerCandidates& layer) {
    const std::vector<const Candidate*> others = fillers(layer, fill_);
    for (const Candidate& candidate : layer.candidates) {
      const bool wanted = !is_reference(*candidate.primitive) && is_wanted(candidate);
      const bool fills = std::find(others.begin(), others.end(), &candidate) != others.end();
      if (wanted) wanted_reorder_ = candidate.primitive;
      if (wanted || fills) {
        costs_.set(key, candidate.primitive->name(), {.us = wanted ? conversion_cost / 2 : conversion_cost});
      }
    }
  }

  /// Who fills in never fuses: that could take a layer from a wanted primitive which cannot.
  void add_layer(const std::string& key, const LayerCandidates& layer) {
    double rank = 0;  // breaks ties in the registry's order
    for (const Candidate& candidate : layer.candidates) {
      if (!is_wanted(candidate)) continue;
      wants_layers_ = true;
      costs_.set(key, candidate.primitive->name(), {.us = wanted_cost * (1 + 1e-6 * rank++)});
    }
    if (layer.layer.is_fused()) return;
    for (const Candidate* candidate : fillers(layer, fill_)) {
      if (is_wanted(*candidate)) continue;
      costs_.set(key, candidate->primitive->name(), {.us = cost_of_filling(*candidate)});
    }
  }

  static double cost_of_filling(const Candidate& candidate) {
    return is_reference(*candidate.primitive) ? reference_cost : fill_cost;
  }

  /// For a reorder alone: every other node is to give the layout that it starts from, those between want the
  /// layout that it makes. The first node has the network's layout before it.
  void add_node(NodeId id, const LayerCandidates& layer) {
    const PrimitiveInfo& reorder = wanted_reorder_->info();
    const bool gives = (id % 2 == 0) == (reorder.input != Layout::nchw);
    for (const Candidate* candidate : fillers(layer, fill_)) {
      const LayerLayouts& layouts = candidate->layouts;
      const bool fits = gives ? layouts.outputs[0] == reorder.input
                              : !layouts.inputs.empty() && layouts.inputs[0] == reorder.output;
      const double cost = cost_of_filling(*candidate) + (fits ? 0 : wrong_layout_cost);
      costs_.set_inside(graph_.node(id).name, layer.layer.key(), candidate->primitive->name(), {.us = cost});
    }
  }

  const Graph& graph_;
  const PrimitiveFilter& wanted_;
  const FillIn fill_;
  CostTable costs_;
  const Primitive* wanted_reorder_ = nullptr;
  bool wants_layers_ = false;
};

Plan cheapest_plan(const Graph& graph, const CandidateSet& candidates, const CostTable& costs) {
  const GraphProblem built = build_problem(graph, candidates, costs);
  const SearchAnswer answer = make_strategy("exact")->search(built.problem, {});
  Plan plan = make_plan(graph, built, answer, candidates, costs);
  plan.strategy = "forced";
  plan.expected_us = plan.lower_bound_us = 0;
  for (PlanStep& step : plan.steps) step.expected_us = 0;
  for (PlanConversion& conversion : plan.conversions) conversion.expected_us = 0;
  return plan;
}

}  // namespace

Plan preferred_plan(
    const Graph& graph, const CandidateSet& candidates,
    const std::function<std::optional<double>(const LayerDesc& layer, const Primitive& primitive)>& cost) {
  CostTable costs;
  for (const auto& [key, layer] : candidates.layers()) {
    for (const Candidate& candidate : layer.candidates) {
      if (const auto us = cost(layer.layer, *candidate.primitive))
        costs.set(key, candidate.primitive->name(), {.us = *us});
    }
  }
  return cheapest_plan(graph, candidates, costs);
}

Plan forced_plan(const Graph& graph, const CandidateSet& candidates, const PrimitiveFilter& wanted,
                 FillIn fill) {
  return cheapest_plan(graph, candidates, ForcedCosts(graph, candidates, wanted, fill).table());
}

bool uses(const Plan& plan, std::string_view primitive) {
  const auto is_it = [&](const auto& each) { return each.primitive == primitive; };
  return std::any_of(plan.steps.begin(), plan.steps.end(), is_it) ||
         std::any_of(plan.conversions.begin(), plan.conversions.end(), is_it);
}

}  // namespace raceline
