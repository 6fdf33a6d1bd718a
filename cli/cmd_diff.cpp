// raceline diff: two plans layer by layer.
#include <fmt/format.h>

#include "cli/command.h"
#include "cli/json.h"
#include "cli/workbench.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/report/plan_diff.h"

namespace raceline::cli {
namespace {

struct Options {
  std::filesystem::path a, b;
  bool all = false, json = false;
};

std::string us_text(double us) {
  return fmt::format("{:.1f}", us);
}

/// The primitives of one side, each with its nodes where there are several steps.
std::string steps_text(const std::vector<PlanStep>& steps) {
  if (steps.empty()) return "-";
  std::vector<std::string> parts;
  for (const PlanStep& step : steps) {
    std::string text = on_threads(step.primitive, step.threads);
    if (step.threads > 0) text += fmt::format(" on {} threads", step.threads);
    parts.push_back(steps.size() == 1 ? text : fmt::format("{}: {}", join(step.covers, "+"), text));
  }
  return join(parts, "; ");
}

std::string layouts_text(const std::vector<PlanStep>& steps) {
  std::vector<std::string> parts;
  for (const PlanStep& step : steps) {
    const std::string layouts(layouts_of(step.primitive));
    if (!layouts.empty() && (parts.empty() || parts.back() != layouts)) parts.push_back(layouts);
  }
  return parts.empty() ? "-" : join(parts, ", ");
}

/// "nhwc", or "nhwc | nchw16c" where the two differ.
std::string both(const std::string& a, const std::string& b) {
  return a == b ? a : fmt::format("{} | {}", a, b);
}

void print_layers(const PlanDifference& difference, bool all) {
  std::vector<std::vector<std::string>> rows{
      {"A us", "B us", "B - A", "layer", "layout", "A's primitive", "B's primitive"}};
  size_t same = 0, other_time = 0;
  for (const LayerDifference& layer : difference.layers) {
    if (layer.same_work()) {
      ++(layer.equal() ? same : other_time);
      if (!all) continue;
    }
    rows.push_back({us_text(layer.a_us()), us_text(layer.b_us()),
                    fmt::format("{:+.1f}", layer.b_us() - layer.a_us()), join(layer.nodes, " + "),
                    both(layouts_text(layer.a), layouts_text(layer.b)), steps_text(layer.a),
                    layer.same_work() ? "the same" : steps_text(layer.b)});
  }
  for (const ConversionDifference& each : difference.conversions) {
    if (each.same_work() && !all) continue;
    const double a_us = each.a ? each.a->expected_us : 0, b_us = each.b ? each.b->expected_us : 0;
    rows.push_back({us_text(a_us), us_text(b_us), fmt::format("{:+.1f}", b_us - a_us),
                    "convert " + each.tensor, each.from.to_string() + " to " + each.to.to_string(),
                    each.a ? each.a->primitive : "-",
                    each.same_work() ? "the same" : (each.b ? each.b->primitive : "-")});
  }
  if (rows.size() > 1) fmt::print("{}", printable(align_table(rows)));
  if (!all) {
    fmt::print("{} layers are run alike{}\n", same + other_time,
               other_time > 0 ? fmt::format(", {} of them with other expected times", other_time) : "");
  }
}

void print_sums(const PlanDifference& difference) {
  size_t come = 0, go = 0;
  for (const ConversionDifference& each : difference.conversions) {
    come += each.b && !each.a ? 1 : 0;
    go += each.a && !each.b ? 1 : 0;
  }
  const auto sum = [](const char* name, const PlanSums& sums) {
    fmt::print("{}: {} = {} layers {} + {} conversions {}\n", name,
               human_us(sums.steps_us + sums.conversions_us), sums.steps, human_us(sums.steps_us),
               sums.conversions, human_us(sums.conversions_us));
  };
  sum("A", difference.a);
  sum("B", difference.b);
  const double a = difference.a.steps_us + difference.a.conversions_us;
  const double b = difference.b.steps_us + difference.b.conversions_us;
  fmt::print("B - A: {}{}", b < a ? "-" : "+", human_us(b < a ? a - b : b - a));
  if (a > 0) fmt::print(" ({:+.2f} %)", 100 * (b / a - 1));
  fmt::print("; {} conversions go, {} come\n", go, come);
}

void print_difference(const PlanDifference& difference, const Options& options) {
  if (!difference.same_graph) {
    fmt::print(
        "The plans are of different graphs: another model, other shapes or other passes. Layers are compared "
        "by name; times are not of the same work.\n");
  }
  for (const PropertyDifference& property : difference.properties) {
    fmt::print("{}: {} | {}\n", property.what, printable(property.a), printable(property.b));
  }
  print_layers(difference, options.all);
  print_sums(difference);
}

Json steps_json(const std::vector<PlanStep>& steps) {
  Json list = Json::array();
  for (const PlanStep& step : steps) {
    list.push_back({{"covers", step.covers},
                    {"primitive", step.primitive},
                    {"layouts", layouts_of(step.primitive)},
                    {"threads", step.threads},
                    {"expected_us", step.expected_us}});
  }
  return list;
}

Json conversion_json(const std::optional<PlanConversion>& conversion) {
  if (!conversion) return nullptr;
  return {{"primitive", conversion->primitive}, {"expected_us", conversion->expected_us}};
}

Json difference_json(const PlanDifference& difference) {
  Json properties = Json::array(), layers = Json::array(), conversions = Json::array();
  for (const PropertyDifference& each : difference.properties) {
    properties.push_back({{"what", each.what}, {"a", each.a}, {"b", each.b}});
  }
  for (const LayerDifference& each : difference.layers) {
    layers.push_back({{"nodes", each.nodes},
                      {"same_work", each.same_work()},
                      {"equal", each.equal()},
                      {"a_us", each.a_us()},
                      {"b_us", each.b_us()},
                      {"a", steps_json(each.a)},
                      {"b", steps_json(each.b)}});
  }
  for (const ConversionDifference& each : difference.conversions) {
    conversions.push_back({{"tensor", each.tensor},
                           {"from", each.from.to_string()},
                           {"to", each.to.to_string()},
                           {"equal", each.equal()},
                           {"a", conversion_json(each.a)},
                           {"b", conversion_json(each.b)}});
  }
  const auto sums = [](const PlanSums& of) {
    return Json{{"us", of.steps_us + of.conversions_us},
                {"steps_us", of.steps_us},
                {"conversions_us", of.conversions_us},
                {"steps", of.steps},
                {"conversions", of.conversions}};
  };
  return {{"equal", difference.equal()}, {"same_graph", difference.same_graph},
          {"properties", properties},    {"layers", layers},
          {"conversions", conversions},  {"a", sums(difference.a)},
          {"b", sums(difference.b)}};
}

int diff(const Options& options) {
  const PlanSet a = read_plans(options.a), b = read_plans(options.b);
  const PlanPairs found = pair_plans(a, b);
  bool equal = found.only_a.empty() && found.only_b.empty();
  Json bindings = Json::array();
  const bool several = a.plans.size() > 1 || b.plans.size() > 1;
  for (const auto& [of_a, of_b] : found.pairs) {
    const Plan &left = a.plans[of_a], &right = b.plans[of_b];
    const PlanDifference difference = diff_plans(left, right);
    equal = equal && difference.equal();
    Json document{{"shapes", left.shapes}};
    document.update(difference_json(difference));
    bindings.push_back(document);
    if (options.json) continue;
    if (several) fmt::print("== {}{}\n", shapes_text(left.shapes), difference.equal() ? ": equal" : "");
    if (!difference.equal() || options.all) print_difference(difference, options);
  }
  const auto list_alone = [&](const PlanSet& plans, const std::vector<size_t>& alone, const char* name) {
    Json list = Json::array();
    for (const size_t index : alone) {
      list.push_back(plans.plans[index].shapes);
      if (!options.json)
        fmt::print("== {}: only {} has a plan\n", shapes_text(plans.plans[index].shapes), name);
    }
    return list;
  };
  const Json only_a = list_alone(a, found.only_a, "A"), only_b = list_alone(b, found.only_b, "B");
  if (options.json) {
    print_json({{"equal", equal}, {"bindings", bindings}, {"only_a", only_a}, {"only_b", only_b}});
  }
  return equal ? done : answer_is_no;
}

}  // namespace

std::function<int()> setup_diff(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("a", options->a, "The first plan")->required()->type_name("PLAN");
  app.add_option("b", options->b, "The second plan")->required()->type_name("PLAN");
  app.add_flag("--all", options->all, "Also layers and conversions that both run alike");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return diff(*options); };
}

}  // namespace raceline::cli
