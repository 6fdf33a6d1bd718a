// raceline bench: times a model as a deployer would: load, pack, first run, then percentiles.
#include <algorithm>

#include <fmt/format.h>

#include "cli/against.h"
#include "cli/command.h"
#include "cli/devices.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/roofline.h"
#include "cli/workbench.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/timing_lock.h"
#include "raceline/report/notes.h"
#include "raceline/report/trace.h"
#include "raceline/runtime/session.h"
#include "raceline/tune/whole_runs.h"

namespace raceline::cli {
namespace {

struct Options {
  ModelOptions model;
  DeviceOptions devices;
  std::filesystem::path plan, cache, trace, annotated;
  std::vector<std::string> against;
  std::filesystem::path python;
  int threads = 0;
  int rounds = 100;
  double seconds = 10;
  bool no_pin = false;
  bool json = false;
};

constexpr int most_timed_runs = 20;

/// Times of the steps in some runs, one run after the other.
std::vector<double> run_by_run(std::span<const RunRow> rows) {
  std::vector<double> times;
  for (size_t run = 0; run < rows[0].samples_us.size(); ++run) {
    for (const RunRow& row : rows.subspan(1)) times.push_back(row.samples_us[run]);
  }
  return times;
}

/// Writes a copy of the model with each step's time in a typical run beside its nodes.
void annotate(const Options& options, const LoadedModel& model, const Session& session, const RunSplit& split,
              double whole_us) {
  OnnxNotes notes = notes_of(model.graph, session.steps(), split.step_us);
  notes.model.emplace_back("raceline.run_us", fmt::format("{:.2f}", whole_us));
  notes.model.emplace_back("raceline.threads", fmt::format("{}", session.threads()));
  const auto lost = write_onnx_notes(options.model.path, options.annotated, notes);
  fmt::print(stderr, "{}: {} nodes with times, {} layers have no node of their own in the file\n",
             options.annotated.string(), notes.nodes.size() - lost.size(), lost.size());
}

Json to_json(const TimeSplit& split) {
  return {{"kernels_us", split.kernels_us},
          {"conversions_us", split.conversions_us},
          {"dispatch_us", split.dispatch_us}};
}

Json to_json(const PackedDirectory::Use& use) {
  return {{"found", use.found},
          {"found_bytes", use.found_bytes},
          {"kept", use.kept},
          {"kept_bytes", use.kept_bytes}};
}

int bench_model(const Options& options) {
  const Clock clock = steady_clock();
  const PlanSet plans = read_plans(options.plan);
  const Workbench bench(options.devices.open_for(plans));
  CpuDevice device(bench.cpu.machine());
  const Devices devices = bench.devices(device);
  const auto lock = TimingLock::acquire(default_timing_lock, [] { return !is_interrupted(); });
  if (!lock) return interrupted;
  // Before the model is loaded: what the peaks are read from must not stand beside the model's memory.
  const Machine& machine = bench.cpu.machine();
  const int usual = options.threads > 0 ? options.threads : plans.empty() ? 1 : plans.plans.front().threads;
  Peaks peaks = measure_peaks(machine, usual);
  const double begin = clock();
  LoadedModel model = load_model(options.model, bench, &plans);
  const double loaded = clock();
  const Plan plan = plans.empty() ? Plan::reference(model.graph, bench.registry) : model.plan;
  plan.check(model.graph, bench.registry, devices.fingerprint());
  const int threads = options.threads > 0 ? options.threads : plan.threads;
  if (!options.no_pin) pin_threads(threads);
  std::optional<PackedDirectory> cache = open_cache(options.cache);
  Session session(model.graph, plan, bench.registry, devices,
                  {.threads = threads, .release_constants = true, .packed = cache ? &*cache : nullptr});
  const double packed = clock();
  warn_of_trouble(cache);
  const std::vector<TensorView> inputs = views_of(model.inputs);
  const std::vector<Tensor> outputs = output_tensors(model.graph);
  const std::vector<TensorView> views = views_of(outputs);
  session.run(inputs, views);
  const double first = clock();

  const Contender whole{.name = model.name, .run = [&](Queue&) {
                          session.run(inputs, views);
                          return Status::ok();
                        }};
  Sentinel sentinel(clock, threads);
  const auto queue = device.make_queue(threads);
  const MeasureResult result =
      measure({&whole, 1}, *queue, sentinel,
              {.rounds = options.rounds, .enough_us = options.seconds * 1e6, .stop = [] {
                 return is_interrupted();
               }});
  const Measurement& measured = result.contenders[0];
  if (!measured.why.empty()) throw Error(fmt::format("a run failed: {}", measured.why));
  if (measured.samples_us.empty()) return interrupted;
  const auto at = [&](double share) { return percentile(measured.samples_us, share); };
  if (threads != usual) peaks = measure_peaks(machine, threads);
  const NetworkRoofline roofline = roofline_of(model.graph, plan, bench.registry, machine, peaks);
  TimeSplit expected;
  RunSplit split;
  for (const PlanStep& step : plan.steps) expected.kernels_us += step.expected_us;
  for (const PlanConversion& conversion : plan.conversions) expected.conversions_us += conversion.expected_us;
  if (plan.expected_us > 0 || !options.trace.empty() || !options.annotated.empty()) {
    // Apart from the runs above, which no clock between the steps may slow down, but in rounds like theirs.
    const std::vector<RunRow> rows = time_steps(
        session, rows_of(session, plan, model.graph, bench.registry), inputs, views, *queue, sentinel,
        {.rounds = std::min(options.rounds, most_timed_runs), .enough_us = options.seconds * 1e6, .stop = [] {
           return is_interrupted();
         }});
    if (rows[0].samples_us.empty()) return interrupted;
    split = split_of(rows);
    if (!options.trace.empty()) {
      write_file(options.trace, chrome_trace(model.name, session.steps(), run_by_run(rows)));
    }
    if (!options.annotated.empty()) annotate(options, model, session, split, at(0.1));
  }
  if (options.json) {
    print_json({{"model", model.name},
                {"plan", options.plan.string()},
                {"threads", threads},
                {"load_us", loaded - begin},
                {"pack_us", packed - loaded},
                {"first_run_us", first - packed},
                {"p10_us", at(0.1)},
                {"p50_us", at(0.5)},
                {"p90_us", at(0.9)},
                {"p99_us", at(0.99)},
                {"samples", measured.samples_us.size()},
                {"disturbed_rounds", result.disturbed},
                {"expected_us", plan.expected_us},
                {"expected", to_json(expected)},
                {"measured", plan.expected_us > 0 ? to_json(split) : Json()},
                {"roofline", roofline_json(roofline.direct_us, roofline.winograd_us, at(0.1))},
                {"peaks", peaks_json(peaks)},
                {"arena_bytes", session.arena_bytes()},
                {"peak_live_bytes", session.peak_live_bytes()},
                {"packed_bytes", session.packed_bytes()},
                {"cache", cache ? to_json(cache->use()) : Json()}});
    return done;
  }
  fmt::print("{} {}, {} threads\n", model.name,
             options.plan.empty() ? "by the reference" : options.plan.string(), threads);
  fmt::print("load {}, pack {}, first run {}\n", human_us(loaded - begin), human_us(packed - loaded),
             human_us(first - packed));
  fmt::print("{} runs: p10 {}, p50 {}, p90 {}, p99 {}; {} rounds were disturbed\n",
             measured.samples_us.size(), human_us(at(0.1)), human_us(at(0.5)), human_us(at(0.9)),
             human_us(at(0.99)), result.disturbed);
  if (plan.expected_us > 0) {
    fmt::print("the plan expected {}: {:+.1f} %\n", human_us(plan.expected_us),
               100 * (at(0.1) / plan.expected_us - 1));
    fmt::print("expected: kernels {}, conversions {}; measured: kernels {}, conversions {}, dispatch {}\n",
               human_us(expected.kernels_us), human_us(expected.conversions_us), human_us(split.kernels_us),
               human_us(split.conversions_us), human_us(split.dispatch_us));
  }
  fmt::print(
      "{} (p10, {} threads: {:.0f} GFLOP/s, {:.0f} GB/s from L2, {:.0f} from L3, {:.0f} from memory)\n",
      roofline_text(roofline.direct_us, roofline.winograd_us, at(0.1)), threads, peaks.fma_gflops,
      peaks.l2_gbs, peaks.l3_gbs, peaks.ram_gbs);
  fmt::print("memory: arena {}, of which {} are alive at once; packed weights {}\n",
             human_bytes(static_cast<double>(session.arena_bytes())),
             human_bytes(static_cast<double>(session.peak_live_bytes())),
             human_bytes(static_cast<double>(session.packed_bytes())));
  if (cache) {
    const PackedDirectory::Use& use = cache->use();
    fmt::print("cache: {} packed weights ({}) found, {} ({}) added\n", use.found,
               human_bytes(static_cast<double>(use.found_bytes)), use.kept,
               human_bytes(static_cast<double>(use.kept_bytes)));
  }
  return done;
}

}  // namespace

std::function<int()> setup_bench(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->model.add_to(app);
  options->devices.add_to(app);
  app.add_option("--plan", options->plan, "Plan to run by; without one the reference runs")
      ->type_name("PLAN");
  app.add_option("--threads", options->threads, "Threads; 0: the plan's")->check(CLI::Range(0, 1024));
  app.add_option("--rounds", options->rounds, "Runs to time")
      ->check(CLI::Range(1, 10000000))
      ->capture_default_str();
  app.add_option("--seconds", options->seconds, "No new run begins after this long")->capture_default_str();
  add_cache(app, options->cache);
  app.add_option("--trace", options->trace, "Write the time of each layer as Chrome trace JSON")
      ->type_name("FILE");
  app.add_option("--annotate", options->annotated,
                 "Write a copy of the model with the time of each node in its metadata, which Netron shows")
      ->type_name("OUT.onnx");
  app.add_flag("--no-pin", options->no_pin, "Leave the threads where the system puts them");
  app.add_flag("--json", options->json, "One JSON document");
  app.add_option("--against", options->against,
                 "Time others in turn with ours: onnxruntime, openvino, the command of a worker "
                 "(docs/platforms.md), or another plan of the model (a file ending in .plan)")
      ->type_name("PEER,...")
      ->delimiter(',')
      ->excludes("--trace", "--annotate", "--cache");
  app.add_option("--python", options->python,
                 "Interpreter of the peers; that of tools/install-peers if not given")
      ->type_name("FILE");
  return [options] {
    if (options->against.empty()) return bench_model(*options);
    return bench_against(options->model, {.peers = options->against,
                                          .python = options->python,
                                          .plan = options->plan,
                                          .devices = options->devices,
                                          .threads = options->threads,
                                          .rounds = options->rounds,
                                          .seconds = options->seconds,
                                          .json = options->json});
  };
}

}  // namespace raceline::cli
