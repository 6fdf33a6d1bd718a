#include "raceline/report/plan_diff.h"

#include <algorithm>
#include <map>
#include <numeric>
#include <tuple>

#include <fmt/format.h>

#include "raceline/base/text.h"

namespace raceline {
namespace {

/// Disjoint sets of small numbers.
class Groups {
 public:
  size_t add() {
    parents_.push_back(parents_.size());
    return parents_.back();
  }
  size_t of(size_t item) {
    while (parents_[item] != item) item = parents_[item] = parents_[parents_[item]];
    return item;
  }
  /// The smaller number stands for both.
  void join(size_t one, size_t other) {
    one = of(one);
    other = of(other);
    parents_[std::max(one, other)] = std::min(one, other);
  }

 private:
  std::vector<size_t> parents_;
};

double sum_of(const std::vector<PlanStep>& steps) {
  return std::accumulate(steps.begin(), steps.end(), 0.0,
                         [](double sum, const PlanStep& step) { return sum + step.expected_us; });
}

std::vector<PropertyDifference> compare_properties(const Plan& a, const Plan& b) {
  std::vector<PropertyDifference> differences;
  const auto compare = [&](std::string what, std::string of_a, std::string of_b) {
    if (of_a != of_b) differences.push_back({std::move(what), std::move(of_a), std::move(of_b)});
  };
  const auto passes = [](const Plan& plan) {
    return plan.without_passes.empty() ? std::string("none") : join(plan.without_passes, ", ");
  };
  compare("model", a.model, b.model);
  compare("graph", a.graph_key, b.graph_key);
  compare("shapes", shapes_text(a.shapes), shapes_text(b.shapes));
  compare("fusion", a.fusion ? "yes" : "no", b.fusion ? "yes" : "no");
  compare("passes left out", passes(a), passes(b));
  compare("machine", a.machine, b.machine);
  compare("threads", fmt::to_string(a.threads), fmt::to_string(b.threads));
  compare("strategy", a.strategy, b.strategy);
  compare("expected us", number(a.expected_us), number(b.expected_us));
  compare("lower bound us", number(a.lower_bound_us), number(b.lower_bound_us));
  return differences;
}

std::vector<LayerDifference> compare_layers(const Plan& a, const Plan& b) {
  std::map<std::string_view, size_t> numbers;
  std::vector<std::string_view> names;
  Groups groups;
  for (const Plan* plan : {&a, &b}) {
    for (const PlanStep& step : plan->steps) {
      std::optional<size_t> first;
      for (const std::string& node : step.covers) {
        const auto [place, is_new] = numbers.try_emplace(node, names.size());
        if (is_new) {
          groups.add();
          names.emplace_back(node);
        }
        if (first) groups.join(*first, place->second);
        first = place->second;
      }
    }
  }
  std::map<size_t, LayerDifference> layers;
  for (size_t node = 0; node < names.size(); ++node) layers[groups.of(node)].nodes.emplace_back(names[node]);
  const auto add_steps = [&](const Plan& plan, std::vector<PlanStep> LayerDifference::*side) {
    for (const PlanStep& step : plan.steps) {
      if (step.covers.empty()) continue;
      (layers[groups.of(numbers.at(step.covers.front()))].*side).push_back(step);
    }
  };
  add_steps(a, &LayerDifference::a);
  add_steps(b, &LayerDifference::b);
  std::vector<LayerDifference> ordered;
  ordered.reserve(layers.size());
  for (auto& [first, layer] : layers) ordered.push_back(std::move(layer));
  return ordered;
}

std::vector<ConversionDifference> compare_conversions(const Plan& a, const Plan& b) {
  std::map<std::tuple<std::string, Interface, Interface>, ConversionDifference> found;
  const auto add = [&](const Plan& plan, std::optional<PlanConversion> ConversionDifference::*side) {
    for (const PlanConversion& conversion : plan.conversions) {
      ConversionDifference& entry = found[{conversion.tensor, conversion.from, conversion.to}];
      entry.tensor = conversion.tensor;
      entry.from = conversion.from;
      entry.to = conversion.to;
      entry.*side = conversion;
    }
  };
  add(a, &ConversionDifference::a);
  add(b, &ConversionDifference::b);
  std::vector<ConversionDifference> list;
  list.reserve(found.size());
  for (auto& [key, conversion] : found) list.push_back(std::move(conversion));
  return list;
}

PlanSums sums_of(const Plan& plan) {
  PlanSums sums{
      .steps_us = sum_of(plan.steps), .steps = plan.steps.size(), .conversions = plan.conversions.size()};
  for (const PlanConversion& conversion : plan.conversions) sums.conversions_us += conversion.expected_us;
  return sums;
}

}  // namespace

double LayerDifference::a_us() const {
  return sum_of(a);
}

double LayerDifference::b_us() const {
  return sum_of(b);
}

bool LayerDifference::same_work() const {
  return std::ranges::equal(a, b, [](const PlanStep& one, const PlanStep& other) {
    return one.covers == other.covers && one.primitive == other.primitive && one.threads == other.threads;
  });
}

bool PlanDifference::equal() const {
  return properties.empty() && std::ranges::all_of(layers, &LayerDifference::equal) &&
         std::ranges::all_of(conversions, &ConversionDifference::equal);
}

PlanDifference diff_plans(const Plan& a, const Plan& b) {
  return {.same_graph = a.graph_key == b.graph_key,
          .properties = compare_properties(a, b),
          .layers = compare_layers(a, b),
          .conversions = compare_conversions(a, b),
          .a = sums_of(a),
          .b = sums_of(b)};
}

PlanPairs pair_plans(const PlanSet& a, const PlanSet& b) {
  if (a.plans.size() == 1 && b.plans.size() == 1) return {.pairs = {{0, 0}}, .only_a = {}, .only_b = {}};
  PlanPairs found;
  std::vector<size_t> partner(a.plans.size(), b.plans.size());
  std::vector<bool> taken(b.plans.size());
  // Of several plans for the same shapes, those for the same graph belong together.
  for (const bool strictly : {true, false}) {
    for (size_t i = 0; i < a.plans.size(); ++i) {
      for (size_t j = 0; j < b.plans.size() && partner[i] == b.plans.size(); ++j) {
        if (taken[j] || a.plans[i].shapes != b.plans[j].shapes) continue;
        if (strictly && a.plans[i].graph_key != b.plans[j].graph_key) continue;
        partner[i] = j;
        taken[j] = true;
      }
    }
  }
  for (size_t i = 0; i < a.plans.size(); ++i) {
    if (partner[i] < b.plans.size()) {
      found.pairs.emplace_back(i, partner[i]);
    } else {
      found.only_a.push_back(i);
    }
  }
  for (size_t j = 0; j < b.plans.size(); ++j) {
    if (!taken[j]) found.only_b.push_back(j);
  }
  return found;
}

std::string_view layouts_of(std::string_view primitive) {
  const size_t at = primitive.rfind('@');
  if (at == std::string_view::npos) return {};
  const size_t dot = primitive.rfind('.', at);
  return dot == std::string_view::npos ? std::string_view{} : primitive.substr(dot + 1, at - dot - 1);
}

}  // namespace raceline
