// raceline profile: measure every primitive of every layer of a model into the store.
#include "cli/cmd_profile.h"

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/devices.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/predict_option.h"
#include "cli/progress.h"
#include "raceline/base/text.h"
#include "raceline/profile/sentinel.h"
#include "raceline/tune/paper_protocol.h"

namespace raceline::cli {

void ProtocolOptions::add_to(CLI::App& app) {
  app.add_option(
         "--protocol", name,
         "How costs are measured: each layer by itself, or as in QS-DNN's paper, the whole network once "
         "for each implementation, without fusion")
      ->check(CLI::IsMember({"default", "paper"}))
      ->capture_default_str();
  app.add_option("--inputs", inputs, "With --protocol paper: how many inputs each implementation sees")
      ->check(CLI::Range(1, 100'000))
      ->capture_default_str();
}

MeasureCosts ProtocolOptions::measure(const std::function<void(const std::string&)>& say) const {
  if (!is_paper()) return {};
  return [=, this](const CandidateSet& candidates, const RunScene& scene, const ProfileOptions& profile,
                   CostTable& table) {
    const auto make_inputs = [&](int index) {
      std::vector<Tensor> tensors;
      uint64_t seed = profile.seed + static_cast<uint64_t>(index) * scene.graph.inputs().size();
      for (const ValueId input : scene.graph.inputs())
        tensors.push_back(random_tensor(scene.graph.desc(input), seed++));
      return tensors;
    };
    return profile_as_paper(candidates, scene,
                            {.inputs = inputs,
                             .max_error = profile.max_error,
                             .seed = profile.seed,
                             .lock = profile.lock,
                             .make_inputs = make_inputs,
                             .stop = profile.stop,
                             .progress = profile.progress,
                             .say = say},
                            table);
  };
}

void add_max_error(CLI::App& app, ProfileOptions& options) {
  app.add_option("--max-error", options.max_error,
                 "Largest error of a primitive against fp64, as a share of the layer's largest output")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

void add_profile_options(CLI::App& app, ProfileOptions& options) {
  add_max_error(app, options);
  app.add_option("--budget", options.seconds, "Seconds that all of it may take; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
}

void watch(ProfileOptions& options, Progress& progress) {
  options.stop = [] { return is_interrupted(); };
  options.progress = [&progress](size_t done, size_t all, const std::string& now) {
    progress.show(done, all, now);
  };
}

void say(Progress& progress, const std::string& line) {
  progress.finish();
  fmt::print(stderr, "{}\n", line);
}

void report_profile(const ProfileReport& report) {
  fmt::print(stderr, "measured {} of {} candidates of {} layers in {:.1f} s; {} were in the store\n",
             report.measured, report.candidates, report.layers, report.seconds, report.from_store);
  if (waited_seconds() >= 1)
    fmt::print(stderr, "waited {:.0f} s for a crowded machine (RACELINE_PATIENCE)\n", waited_seconds());
  for (const std::string& failure : report.failures) fmt::print(stderr, "  not used: {}\n", failure);
}

namespace {

struct Options {
  ModelOptions model;
  DeviceOptions devices;
  TimingOptions timing;
  ProfileOptions profile;
  ProtocolOptions protocol;
  PredictOption predict;
  PrimitiveFilter filter;
  bool json = false;
};

int profile_model(Options& options) {
  Workbench bench(options.devices.open_or_go_on());
  options.filter.check(bench.registry);
  if (options.predict.is_given()) options.predict.open(bench);
  LoadedModel model = load_model(options.model, bench);
  options.profile.threads = options.timing.prepare(bench);
  options.profile.pinned = !options.timing.no_pin;
  CostStore store = options.timing.open_store(CostStore::Mode::write);
  Progress progress("profile");
  watch(options.profile, progress);
  const CandidateSet candidates(model.graph, bench.registry, options.filter);
  CpuDevice device(bench.cpu.machine());
  const Devices devices = bench.devices(device);
  CostTable table;
  const auto say_line = [&](const std::string& line) { say(progress, line); };
  const MeasureCosts measure =
      options.predict.is_given() ? options.predict.measure(say_line) : options.protocol.measure(say_line);
  const RunScene scene{
      model.graph, bench.registry, devices, store, RunConditions::of(model.graph, devices, options.profile),
      {}};
  const ProfileReport report = measure_costs(measure, candidates, scene, options.profile, table);
  progress.finish();
  report_profile(report);
  if (options.predict.is_given()) fmt::print(stderr, "{}", options.predict.text());
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows{{"us", "spread", "error", "primitive", "layer"}};
  for (const auto& [key, cost] : table.costs()) {
    rows.push_back({fmt::format("{:.2f}", cost.us), fmt::format("{:.2f}", cost.spread_us),
                    fmt::format("{:.1e}", cost.error), key.second, key.first});
    list.push_back({{"layer", key.first},
                    {"primitive", key.second},
                    {"us", cost.us},
                    {"median_us", cost.median_us},
                    {"spread_us", cost.spread_us},
                    {"samples", cost.samples},
                    {"error", cost.error}});
  }
  if (options.json) {
    Json document{
        {"model", model.name}, {"costs", list}, {"failures", report.failures}, {"complete", report.complete}};
    if (options.predict.is_given()) document["prediction"] = options.predict.json();
    print_json(document);
  } else {
    fmt::print("{}", align_table(rows));
  }
  return is_interrupted() ? interrupted : done;
}

}  // namespace

std::function<int()> setup_profile(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app);
  options->timing.add_to(app);
  options->devices.add_to(app);
  add_profile_options(app, options->profile);
  options->protocol.add_to(app);
  options->predict.add_to(app, true);
  add_filter(app, options->filter);
  app.add_flag("--json", options->json, "One JSON document");
  return [options] { return profile_model(*options); };
}

}  // namespace raceline::cli
