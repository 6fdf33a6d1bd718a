#include "raceline/report/explain.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

/// The problem's layer of the last node that a step covers.
size_t layer_of(const Graph& graph, NodeId node) {
  return graph.inputs().size() + static_cast<size_t>(node);
}

LayerDesc desc_of(const Graph& graph, const std::vector<NodeId>& covers) {
  return covers.size() == 1 ? graph.layer(covers.front()) : graph.layer(Fusion{covers});
}

/// Cost of the best plan in which the layer makes this choice.
double cost_with(const SelectionProblem& problem, size_t layer, size_t choice) {
  SelectionProblem forced = problem;
  forced.layers[layer].choices = {problem.layers[layer].choices[choice]};
  try {
    return make_strategy("exact")->search(forced, {}).cost_us;
  } catch (const UnsupportedError&) {
    return impossible;
  }
}

}  // namespace

std::vector<StepExplanation> explain(const Graph& graph, const Plan& plan, const GraphProblem& built,
                                     const CostTable& costs, std::string_view node, size_t most) {
  std::vector<StepExplanation> explanations;
  std::vector<std::string> names;
  for (const PlanStep& step : plan.steps) {
    names.insert(names.end(), step.covers.begin(), step.covers.end());
    if (!node.empty() && std::find(step.covers.begin(), step.covers.end(), node) == step.covers.end())
      continue;
    std::vector<NodeId> covers;
    for (const std::string& name : step.covers) covers.push_back(graph.find_node(name));
    const size_t layer = layer_of(graph, covers.back());
    const std::string key = desc_of(graph, covers).key();
    StepExplanation explanation{.step = step};
    if (const auto cost = costs.find(key, step.primitive)) explanation.spread_us = cost->spread_us;
    std::vector<std::pair<double, size_t>> others;  // cost alone, choice
    for (size_t choice = 0; choice < built.meanings[layer].size(); ++choice) {
      const ChoiceMeaning& meaning = built.meanings[layer][choice];
      if (meaning.covers != covers || meaning.primitive->name() == step.primitive) continue;
      others.emplace_back(built.problem.layers[layer].choices[choice].cost_us, choice);
    }
    std::sort(others.begin(), others.end());
    others.resize(std::min(others.size(), most));
    for (const auto& [alone_us, choice] : others) {
      const std::string& primitive = built.meanings[layer][choice].primitive->name();
      const auto cost = costs.find(key, primitive);
      explanation.alternatives.push_back(
          {primitive, alone_us, cost ? cost->spread_us : 0, cost_with(built.problem, layer, choice)});
    }
    std::stable_sort(explanation.alternatives.begin(), explanation.alternatives.end(),
                     [](const Alternative& a, const Alternative& b) { return a.plan_us < b.plan_us; });
    explanations.push_back(std::move(explanation));
  }
  if (explanations.empty() && !node.empty()) {
    throw UnsupportedError(fmt::format("no step of the plan covers '{}'; the nearest are {}", node,
                                       join(nearest(node, names), ", ")));
  }
  return explanations;
}

std::string why_not(const StepExplanation& chosen, const Alternative& alternative, double plan_us) {
  const double alone = alternative.alone_us - chosen.step.expected_us;
  std::string first = alone < 0 ? fmt::format("{} faster alone", human_us(-alone))
                                : fmt::format("{} slower alone", human_us(alone));
  if (!std::isfinite(alternative.plan_us)) return first + ", fits no plan";
  const double elsewhere = alternative.plan_us - plan_us - alone;
  if (std::abs(elsewhere) < 0.05) return first;
  return elsewhere > 0
             ? fmt::format("{}, costs {} in conversions and neighbours", first, human_us(elsewhere))
             : fmt::format("{}, saves {} in conversions and neighbours", first, human_us(-elsewhere));
}

}  // namespace raceline
