#include "cli/against.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "cli/command.h"
#include "cli/compare.h"
#include "cli/interrupt.h"
#include "cli/json.h"
#include "cli/platform_command.h"
#include "cli/progress.h"
#include "cli/roofline.h"
#include "cli/scratch_folder.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/printable.h"
#include "raceline/base/random.h"
#include "raceline/base/text.h"
#include "raceline/dataset/worker_client.h"
#include "raceline/model/npy.h"
#include "raceline/model/onnx_writer.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/paired_ratio.h"
#include "raceline/profile/timing_lock.h"

namespace raceline::cli {
namespace {

constexpr double load_seconds = 600, run_seconds = 300;
constexpr double slice_us = 20'000;     ///< how long one side runs in a round, if a run is shorter
constexpr double small_net_us = 1'000;  ///< below it the time of a model of one op is shown beside

/// One side: a worker, and what it took.
struct Side {
  std::string name;
  std::optional<WorkerClient> worker;
  std::string why;  ///< not empty: it takes no part
  OpenedOnWorker opened;
  std::vector<Tensor> outputs;
  double error = 0;  ///< against our outputs, as a share of the largest value
  int runs = 1;      ///< in a round
  std::vector<double> rounds_us;
  double one_op_us = 0, idle_bytes = 0, peak_bytes = 0;  ///< idle: the most before the model came
};

/// Runs a part of what a side does while all others stand still; a side that fails is out.
template <class Work>
void alone(Side& side, const Work& work) {
  if (!side.why.empty()) return;
  try {
    side.worker->resume();
    work(*side.worker);
    side.worker->pause();
  } catch (const Error& error) {
    side.why = error.what();
    side.worker.reset();
  }
}

/// The model and its inputs as files, which every worker is sent.
ModelRequest request_of(const ModelOptions& model, const AgainstOptions& options, int threads,
                        const std::filesystem::path& folder) {
  ModelRequest request{.model = model.path, .plan = {}, .inputs = {}, .threads = threads};
  OpenedModel opened = open_model(model);
  const std::vector<Tensor> inputs = opened.all_inputs(model.seed);
  for (size_t index = 0; index < inputs.size(); ++index) {
    const auto file = folder / fmt::format("input_{}.npy", index);
    write_npy(file, inputs[index].view());
    request.inputs[opened.model.inputs()[index].name] = file;
  }
  request.plan = options.plan;
  return request;
}

/// A model whose time is what a runtime takes for itself.
ModelRequest one_op(int threads, const std::filesystem::path& folder) {
  const Shape shape{1, 16};
  OnnxWriter writer("one_op", 13);
  writer.input("x", shape);
  writer.output("y", shape);
  writer.node("Relu", {"x"}, {"y"});
  ModelRequest request{.model = folder / "one_op.onnx", .plan = {}, .inputs = {}, .threads = threads};
  writer.write(request.model);
  request.inputs["x"] = folder / "one_op.npy";
  write_npy(request.inputs["x"], random_tensor({DataType::f32, shape}, 1).view());
  return request;
}

/// Whether a peer is this program by another plan of the model.
bool is_plan(const std::string& peer) {
  return peer.ends_with(".plan");
}

void load(Side& side, const ModelRequest& request, const std::filesystem::path& folder) {
  alone(side, [&](WorkerClient& worker) {
    side.idle_bytes = worker.peak_bytes();
    side.opened = worker.open(request, load_seconds);
    for (const std::string& name : side.opened.outputs) {
      write_file(folder / "output.npy", worker.output(name, run_seconds));
      side.outputs.push_back(read_npy(folder / "output.npy"));
    }
    const std::vector<double> first = worker.run(3, 1, run_seconds);
    side.runs = static_cast<int>(std::clamp(slice_us / percentile(first, 0.5), 1.0, 5000.0));
  });
}

/// Compares with our outputs; says why a side differs.
std::string difference(const Side& ours, Side& side) {
  if (side.outputs.size() != ours.outputs.size()) {
    return fmt::format("{} outputs, wanted {}", side.outputs.size(), ours.outputs.size());
  }
  for (size_t index = 0; index < ours.outputs.size(); ++index) {
    const Comparison found =
        compare(side.outputs[index].view(), ours.outputs[index].view(), {.of_largest = 1e-3});
    if (found.largest_wanted > 0) {
      side.error = std::max(side.error, found.largest_difference / found.largest_wanted);
    }
    if (!found.equal) return fmt::format("its output {} differs from ours: {}", index, found.why);
  }
  return {};
}

int time_rounds(std::vector<Side>& sides, const AgainstOptions& options) {
  Progress progress("against");
  Random random(1);
  std::vector<size_t> order(sides.size());
  std::iota(order.begin(), order.end(), size_t{0});
  const Clock clock = steady_clock();
  const double begin = clock();
  int round = 0;
  for (; round < options.rounds && !is_interrupted(); ++round) {
    if (round >= 5 && clock() - begin > options.seconds * 1e6) break;
    random.shuffle(order);
    for (const size_t index : order) {
      Side& side = sides[index];
      alone(side, [&](WorkerClient& worker) {
        side.rounds_us.push_back(percentile(worker.run(side.runs, 1, run_seconds), 0.5));
      });
    }
    progress.show(static_cast<size_t>(round) + 1, static_cast<size_t>(options.rounds), "rounds");
  }
  progress.finish();
  return round;
}

/// The command of a worker of ours, on the devices that are named or that its plan needs. A plan that cannot
/// be read is the worker's to refuse.
std::vector<std::string> our_command(const AgainstOptions& options, const std::filesystem::path& plan) {
  std::vector<std::string> command = platform_command("raceline", options.python);
  PlanSet plans;
  try {
    plans = read_plans(plan);
  } catch (const Error&) {
    plans = {};
  }
  const std::vector<std::string> devices = options.devices.needed_for(plans).names;
  if (!devices.empty()) command.insert(command.end(), {"--devices", join(devices, ",")});
  return command;
}

/// Of the layers as our plan fuses them; the same for all sides. Measures the machine's peaks.
NetworkRoofline roofline_of_plan(const ModelOptions& options, const AgainstOptions& against, int threads) {
  const PlanSet plans = read_plans(against.plan);
  const Workbench bench(against.devices.open_for(plans));
  const LoadedModel model = load_model(options, bench, plans.empty() ? nullptr : &plans);
  const Plan plan = plans.empty() ? library_planner(bench)(model.graph) : model.plan;
  const Machine& machine = bench.cpu.machine();
  return roofline_of(model.graph, plan, bench.registry, machine, measure_peaks(machine, threads));
}

std::string versions_of(const Side& side) {
  if (!side.worker) return "";
  const auto& versions = side.worker->facts().versions;
  const auto own = versions.find(side.worker->facts().platform);
  return own == versions.end() ? "" : own->second;
}

/// Of the rounds in which both took part.
PairedRatio ratio_of(const Side& side, const Side& ours) {
  const size_t rounds = std::min(side.rounds_us.size(), ours.rounds_us.size());
  return paired_ratio(std::span(side.rounds_us).first(rounds), std::span(ours.rounds_us).first(rounds), 1);
}

Json to_json(const Side& side, const Side& ours, const NetworkRoofline& roofline) {
  if (!side.why.empty()) return {{"name", side.name}, {"why", side.why}};
  const PairedRatio ratio = ratio_of(side, ours);
  const double median = percentile(side.rounds_us, 0.5);
  return {{"name", side.name},
          {"versions", side.worker->facts().versions},
          {"median_us", median},
          {"p10_us", percentile(side.rounds_us, 0.1)},
          {"ratio", {ratio.median, ratio.low, ratio.high}},
          {"load_us", side.opened.load_us},
          {"idle_bytes", side.idle_bytes},
          {"peak_bytes", side.peak_bytes},
          {"error", side.error},
          {"one_op_us", side.one_op_us},
          {"roofline", roofline_json(roofline.direct_us, roofline.winograd_us, median)},
          {"runs_a_round", side.runs},
          {"rounds_us", side.rounds_us}};
}

void print_table(const std::vector<Side>& sides, const NetworkRoofline& roofline, bool small) {
  std::vector<std::vector<std::string>> rows{{"", "version", "median", "p10", "time to ours", "of 95 %",
                                              "roofline", "load", "peak memory", "difference"}};
  if (small) rows[0].emplace_back("one op");
  for (const Side& side : sides) {
    if (!side.why.empty()) continue;
    const PairedRatio ratio = ratio_of(side, sides[0]);
    const double median = percentile(side.rounds_us, 0.5);
    rows.push_back({side.name, versions_of(side), human_us(median), human_us(percentile(side.rounds_us, 0.1)),
                    fmt::format("{:.2f}x", ratio.median), fmt::format("{:.2f}-{:.2f}", ratio.low, ratio.high),
                    fmt::format("{:.0f} %", 100 * roofline.direct_us / median), human_us(side.opened.load_us),
                    human_bytes(side.peak_bytes), fmt::format("{:.1e}", side.error)});
    if (small) rows.back().push_back(human_us(side.one_op_us));
  }
  fmt::print("{}", align_table(rows));
  fmt::print("roofline of the direct definition {}, by Winograd {}\n", human_us(roofline.direct_us),
             human_us(roofline.winograd_us));
  for (const Side& side : sides) {
    if (!side.why.empty()) fmt::print("{} takes no part: {}\n", side.name, printable(side.why));
  }
}

}  // namespace

int bench_against(const ModelOptions& model, const AgainstOptions& options) {
  const ScratchFolder scratch;
  int threads = options.threads;
  if (threads == 0 && !options.plan.empty()) threads = read_plans(options.plan).plans.front().threads;
  if (threads == 0) threads = Machine::detect().physical_cores;
  const ModelRequest request = request_of(model, options, threads, scratch.path());

  std::vector<std::vector<std::string>> commands{our_command(options, options.plan)};
  for (const std::string& peer : options.peers)
    commands.push_back(is_plan(peer) ? our_command(options, peer) : platform_command(peer, options.python));
  const auto lock = TimingLock::acquire(default_timing_lock, [] { return !is_interrupted(); });
  if (!lock) return interrupted;
  const ChildProcess::Options place{
      .cores = shared_cores(threads), .log = scratch.path() / "stderr", .environment = {}};
  std::vector<Side> sides(commands.size());
  for (size_t index = 0; index < sides.size(); ++index) {
    Side& side = sides[index];
    side.name = index == 0 ? "raceline" : options.peers[index - 1];
    try {
      side.worker.emplace(commands[index], place);
    } catch (const ChildError& error) {
      side.why = fmt::format("{}\n{}", error.what(), read_file(place.log));
      continue;
    }
    ModelRequest asked = request;
    if (index > 0 && is_plan(side.name)) asked.plan = side.name;
    load(side, asked, scratch.path());
    if (index > 0 && side.why.empty()) side.why = difference(sides[0], side);
  }
  if (!sides[0].why.empty()) throw Error(sides[0].why);

  if (time_rounds(sides, options) == 0) return interrupted;
  if (!sides[0].why.empty()) throw Error(sides[0].why);
  const NetworkRoofline roofline = roofline_of_plan(model, options, threads);
  const bool small = percentile(sides[0].rounds_us, 0.5) < small_net_us;
  const ModelRequest tiny = one_op(threads, scratch.path());
  for (Side& side : sides) {
    alone(side, [&](WorkerClient& worker) {
      side.peak_bytes = worker.peak_bytes();
      if (!small) return;
      worker.open(tiny, load_seconds);
      side.one_op_us = percentile(worker.run(2000, 200, run_seconds), 0.5);
    });
  }
  if (options.json) {
    Json list = Json::array();
    for (const Side& side : sides) list.push_back(to_json(side, sides[0], roofline));
    print_json({{"model", model.path.stem().string()},
                {"plan", options.plan.string()},
                {"threads", threads},
                {"cores", place.cores},
                {"rounds", sides[0].rounds_us.size()},
                {"sides", list}});
  } else {
    fmt::print("{}, {} threads, {} rounds\n\n", model.path.stem().string(), threads,
               sides[0].rounds_us.size());
    print_table(sides, roofline, small);
  }
  const bool all = std::all_of(sides.begin(), sides.end(), [](const Side& side) { return side.why.empty(); });
  return all ? done : answer_is_no;
}

}  // namespace raceline::cli
