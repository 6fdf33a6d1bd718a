#include "raceline/report/explain.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"

namespace raceline {
namespace {

/// The problem's layer of the last node that a step covers.
size_t layer_of(const Graph& graph, NodeId node) {
  return graph.inputs().size() + static_cast<size_t>(node);
}

/// The best plan in which the layer makes this choice, put into the alternative.
void judge(const SelectionProblem& problem, size_t layer, size_t choice, Alternative& alternative) {
  SelectionProblem forced = problem;
  forced.layers[layer].choices = {problem.layers[layer].choices[choice]};
  alternative.plan_us = impossible;
  try {
    const SearchAnswer answer = make_strategy("exact")->search(forced, {});
    alternative.plan_us = answer.cost_us;
    alternative.conversions_us = evaluate(forced, answer.choice).conversions_us;
  } catch (const UnsupportedError&) {
    // No plan has it: impossible.
  }
}

/// "saves 2.0 us in conversions"; empty for what is nothing.
std::string share_text(double us, std::string_view where) {
  if (std::abs(us) < 0.05) return {};
  return fmt::format(", {} {} {}", us > 0 ? "costs" : "saves", human_us(std::abs(us)), where);
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
    const std::string key = graph.layer(covers).key();
    StepExplanation explanation{.step = step, .index = static_cast<size_t>(&step - plan.steps.data())};
    const std::string name = on_threads(step.primitive, step.threads);
    if (const auto cost = costs.find(key, name)) explanation.spread_us = cost->spread_us;
    std::vector<std::pair<double, size_t>> others;  // cost alone, choice
    for (size_t choice = 0; choice < built.meanings[layer].size(); ++choice) {
      const ChoiceMeaning& meaning = built.meanings[layer][choice];
      if (meaning.covers != covers || name_of(meaning) == name) continue;
      others.emplace_back(built.problem.layers[layer].choices[choice].cost_us, choice);
    }
    std::sort(others.begin(), others.end());
    others.resize(std::min(others.size(), most));
    for (const auto& [alone_us, choice] : others) {
      const std::string primitive = name_of(built.meanings[layer][choice]);
      const auto cost = costs.find(key, primitive);
      Alternative alternative{
          .primitive = primitive, .alone_us = alone_us, .spread_us = cost ? cost->spread_us : 0};
      judge(built.problem, layer, choice, alternative);
      explanation.alternatives.push_back(std::move(alternative));
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

std::string why_not(const StepExplanation& chosen, const Alternative& alternative, const Plan& plan) {
  const double alone = alternative.alone_us - chosen.step.expected_us;
  const std::string first = alone < 0 ? fmt::format("{} faster alone", human_us(-alone))
                                      : fmt::format("{} slower alone", human_us(alone));
  if (!std::isfinite(alternative.plan_us)) return first + ", fits no plan";
  double conversions_us = 0;
  for (const PlanConversion& conversion : plan.conversions) conversions_us += conversion.expected_us;
  const double loss = alternative.plan_us - plan.expected_us;
  const double conversions = alternative.conversions_us - conversions_us;
  const bool noise = loss < std::max(chosen.spread_us, alternative.spread_us);
  return fmt::format(
      "{}{}{}{}", first, share_text(conversions, "in conversions"),
      share_text(loss - alone - conversions, "at other layers"),
      noise ? "; within the noise" : fmt::format("; the plan would be {} slower", human_us(loss)));
}

}  // namespace raceline
