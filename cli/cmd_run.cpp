// raceline run: inference, outputs as .npy files, times per layer.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/devices.h"
#include "cli/json.h"
#include "cli/workbench.h"
#include "raceline/base/printable.h"
#include "raceline/base/text.h"
#include "raceline/model/npy.h"
#include "raceline/report/trace.h"
#include "raceline/runtime/network.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  DeviceOptions devices;
  std::filesystem::path plan, output_dir, trace, cache;
  int threads = 0;
  int runs = 1;
  bool repair = false;
  bool json = false;
};

/// The largest elements of a float output, for a first look.
Json summary(const std::string& name, const Tensor& tensor) {
  Json item{{"name", name}, {"desc", tensor.desc().to_string()}};
  if (tensor.desc().type != DataType::f32) return item;
  const auto count = static_cast<size_t>(tensor.desc().shape.elements());
  std::vector<size_t> order(count);
  std::iota(order.begin(), order.end(), size_t{0});
  const size_t most = std::min<size_t>(5, count);
  const float* data = tensor.data<float>();
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(most), order.end(),
                    [&](size_t a, size_t b) { return data[a] > data[b] || (data[a] == data[b] && a < b); });
  Json largest = Json::array();
  for (size_t index = 0; index < most; ++index)
    largest.push_back({{"index", order[index]}, {"value", data[order[index]]}});
  item["largest"] = largest;
  return item;
}

/// The steps of all stages, as one list; their times in each run.
std::string trace_of(const Network& network, const std::string& name, std::span<const double> times) {
  std::vector<StepInfo> steps;
  for (const BoundStage* stage : network.stages()) {
    if (stage->session == nullptr) continue;
    const auto infos = stage->session->steps();
    steps.insert(steps.end(), infos.begin(), infos.end());
  }
  return chrome_trace(name, steps, times);
}

int run(const Options& options) {
  PlanSet plans = read_plans(options.plan);
  const Workbench bench(options.devices.open_for(plans));
  CpuDevice device(bench.cpu.machine());
  const std::string model_name = options.model.path.stem().string();
  OpenedModel opened = open_model(options.model);
  std::optional<PackedDirectory> cache = open_cache(options.cache);
  NetworkOptions wanted{
      .plans = std::move(plans),
      .repair = options.repair,
      .passes = {.fusion = !options.model.no_fusion, .without = options.model.without_passes},
      .session = {
          .threads = options.threads, .release_constants = true, .packed = cache ? &*cache : nullptr}};
  if (!wanted.plans.empty()) {
    wanted.planner = library_planner(bench);
    choose_plan(opened.model, wanted.plans, opened.bindings, options.repair);
  }
  const std::vector<Tensor> inputs = opened.all_inputs(options.model.seed);
  Network network(std::move(opened.model), bench.registry, bench.devices(device), bench.evaluator,
                  std::move(wanted));
  std::vector<Tensor> outputs;
  std::vector<double> times;
  for (int run = 0; run < options.runs; ++run) {
    outputs = network.run_timed(views_of(inputs));
    for (const BoundStage* stage : network.stages()) {
      times.insert(times.end(), stage->times_us.begin(), stage->times_us.end());
    }
  }
  warn_of_trouble(cache);
  for (const std::string& change : network.stages().front()->changes) {
    fmt::print(stderr, "repaired: {}\n", change);
  }
  if (!options.trace.empty()) write_file(options.trace, trace_of(network, model_name, times));
  const std::vector<std::string> names = network.model().outputs();
  Json list = Json::array();
  for (size_t index = 0; index < outputs.size(); ++index) {
    const std::string& name = names[index];
    Json item = summary(name, outputs[index]);
    if (!options.output_dir.empty()) {
      std::filesystem::create_directories(options.output_dir);
      std::string stem = name;
      std::replace_if(
          stem.begin(), stem.end(), [](char c) { return c == '/' || c == '\\' || c == ':'; }, '_');
      const auto file = options.output_dir / (stem + ".npy");
      write_npy(file, outputs[index].view());
      item["file"] = file.string();
    }
    list.push_back(std::move(item));
  }
  if (options.json) {
    print_json({{"model", model_name}, {"outputs", list}});
    return done;
  }
  for (const Json& item : list) {
    fmt::print("{} {}\n", printable(item["name"].get<std::string>()), item["desc"].get<std::string>());
    if (item.contains("file")) fmt::print("  written to {}\n", printable(item["file"].get<std::string>()));
    if (!item.contains("largest")) continue;
    for (const Json& entry : item["largest"]) {
      fmt::print("  [{}] {:.6g}\n", entry["index"].get<size_t>(), entry["value"].get<double>());
    }
  }
  return done;
}

}  // namespace

std::function<int()> setup_run(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app);
  options->devices.add_to(app);
  app.add_option("--plan", options->plan, "Plan to run by; without one the reference runs")
      ->type_name("PLAN");
  app.add_option("--threads", options->threads, "Threads; 0: the plan's")->check(CLI::Range(0, 1024));
  app.add_option("--output-dir", options->output_dir, "Write each output as .npy into this folder")
      ->type_name("DIR");
  app.add_option("--trace", options->trace, "Write the time of each layer as Chrome trace JSON")
      ->type_name("FILE");
  app.add_option("--runs", options->runs, "Runs, one after the other; the trace shows each")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  add_cache(app, options->cache);
  app.add_flag("--repair", options->repair, "Replace what does not fit in the plan by the reference");
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return run(*options); };
}

}  // namespace raceline::cli
