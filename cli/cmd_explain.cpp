// raceline explain: a plan layer by layer, with the alternatives and why each lost.
#include <cmath>

#include <fmt/format.h>

#include "cli/cmd_profile.h"
#include "cli/command.h"
#include "cli/devices.h"
#include "cli/json.h"
#include "cli/roofline.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/primitive/on_threads.h"
#include "raceline/report/explain.h"
#include "raceline/tune/correct.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  DeviceOptions devices;
  TimingOptions timing;
  PrimitiveFilter filter;
  std::filesystem::path plan;
  std::string layer;
  bool json = false;
};

int explain_plan(Options& options) {
  const PlanSet plans = read_plans(options.plan);
  const Workbench bench(options.devices.open_for(plans));
  const LoadedModel model = load_model(options.model, bench, &plans);
  const Plan& plan = model.plan;
  CpuDevice device(bench.cpu.machine());
  const Devices devices = bench.devices(device);
  plan.check(model.graph, bench.registry, devices.fingerprint());
  const CandidateSet candidates(model.graph, bench.registry, {});
  CostStore store = options.timing.open_store(CostStore::Mode::read);
  CostTable table;
  ProfileOptions lookup{
      .threads = plan.threads, .pinned = !options.timing.no_pin, .stop = [] { return true; }};
  profile(candidates, bench.registry, devices, store, lookup, table);
  // A plan that was not made of the layers' costs by themselves was made of what they take inside.
  const double alone_us = alone_split(plan, model.graph, table).whole_us();
  if (std::abs(plan.expected_us - alone_us) > 1e-6 * alone_us) {
    const size_t found = load_corrections(table, model.graph, bench.registry, store,
                                          RunConditions::of(model.graph, devices, lookup));
    if (found == 0)
      fmt::print(
          stderr,
          "no runs of the plan's making are in the store under these --devices, --threads and --no-pin: "
          "alternatives are shown by what they take alone\n");
  }
  const GraphProblem built = build_problem(model.graph, candidates, table);
  const size_t most = options.layer.empty() ? 2 : 1000;
  const auto explanations = explain(model.graph, plan, built, table, options.layer, most);
  const Machine& machine = bench.cpu.machine();
  const NetworkRoofline network =
      roofline_of(model.graph, plan, bench.registry, machine, measure_peaks(machine, plan.threads));
  Json steps = Json::array();
  double layers_us = 0, conversions_us = 0;
  for (const StepExplanation& item : explanations) {
    layers_us += item.step.expected_us;
    const LayerRoofline& roofline = network.steps[item.index];
    Json alternatives = Json::array();
    if (!options.json) {
      fmt::print("{}\n  {}  {}  (spread {}, {:.1f} %)\n", printable(join(item.step.covers, " + ")),
                 on_threads(item.step.primitive, item.step.threads), human_us(item.step.expected_us),
                 human_us(item.spread_us), 100 * item.step.expected_us / std::max(plan.expected_us, 1e-9));
      const std::string text =
          roofline_text(roofline.direct_us(), roofline.winograd_us(), item.step.expected_us);
      if (!text.empty()) fmt::print("    {}\n", text);
    }
    for (const Alternative& other : item.alternatives) {
      const std::string why = why_not(item, other, plan);
      if (!options.json)
        fmt::print("    not {}  {} (spread {}): {}\n", other.primitive, human_us(other.alone_us),
                   human_us(other.spread_us), why);
      alternatives.push_back({{"primitive", other.primitive},
                              {"alone_us", other.alone_us},
                              {"spread_us", other.spread_us},
                              {"conversions_us", other.conversions_us},
                              {"plan_us", std::isfinite(other.plan_us) ? Json(other.plan_us) : Json(nullptr)},
                              {"why", why}});
    }
    steps.push_back(
        {{"covers", item.step.covers},
         {"primitive", item.step.primitive},
         {"threads", item.step.threads},
         {"expected_us", item.step.expected_us},
         {"spread_us", item.spread_us},
         {"roofline", roofline_json(roofline.direct_us(), roofline.winograd_us(), item.step.expected_us)},
         {"alternatives", alternatives}});
  }
  Json conversions = Json::array();
  for (const PlanConversion& conversion : plan.conversions) {
    conversions_us += conversion.expected_us;
    conversions.push_back({{"tensor", conversion.tensor},
                           {"from", conversion.from.to_string()},
                           {"to", conversion.to.to_string()},
                           {"primitive", conversion.primitive},
                           {"threads", conversion.threads},
                           {"expected_us", conversion.expected_us}});
    if (!options.json && options.layer.empty()) {
      fmt::print("convert {} from {} to {}\n  {}  {}\n", printable(conversion.tensor),
                 conversion.from.to_string(), conversion.to.to_string(),
                 on_threads(conversion.primitive, conversion.threads), human_us(conversion.expected_us));
    }
  }
  if (options.json) {
    print_json({{"model", plan.model},
                {"strategy", plan.strategy},
                {"expected_us", plan.expected_us},
                {"lower_bound_us", plan.lower_bound_us},
                {"roofline", roofline_json(network.direct_us, network.winograd_us, plan.expected_us)},
                {"steps", steps},
                {"conversions", conversions}});
  } else if (options.layer.empty()) {
    fmt::print("\n{} = {} layers {} + {} conversions {}; proven lower bound {}\n", human_us(plan.expected_us),
               plan.steps.size(), human_us(layers_us), plan.conversions.size(), human_us(conversions_us),
               human_us(plan.lower_bound_us));
    fmt::print("{}; {} of it in layers bound by memory\n",
               roofline_text(network.direct_us, network.winograd_us, plan.expected_us),
               human_us(network.memory_bound_us));
  }
  return done;
}

}  // namespace

std::function<int()> setup_explain(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app);
  options->timing.add_to(app);
  options->devices.add_to(app);
  app.add_option("--plan", options->plan, "The plan")->required()->type_name("PLAN");
  app.add_option("--layer", options->layer, "Only this node, with all alternatives")->type_name("NAME");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return explain_plan(*options); };
}

}  // namespace raceline::cli
