// raceline worker: Raceline as a platform that others measure, by the protocol of docs/platforms.md.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string_view>

#include <fmt/format.h>
#include <sys/resource.h>

#include "cli/command.h"
#include "cli/devices.h"
#include "cli/json.h"
#include "cli/scratch_folder.h"
#include "cli/session_steps.h"
#include "cli/versions.h"
#include "cli/workbench.h"
#include "cli/worker_pipes.h"
#include "raceline/base/error.h"
#include "raceline/base/file.h"
#include "raceline/base/file_identity.h"
#include "raceline/dataset/worker_client.h"
#include "raceline/model/npy.h"
#include "raceline/runtime/session.h"
#include "raceline/search/forced_plan.h"
#include "raceline/tune/tuner.h"
#include "raceline/version.h"

namespace raceline::cli {
namespace {

/// A "no" with its kind; see WorkerError.
struct Refusal {
  std::string kind, why;
};

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The largest resident set since the program began. (Linux's ru_maxrss begins with that of who started it.)
double peak_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    double kilobytes = 0;
    if (word == "VmHWM:" && status >> kilobytes) return kilobytes * 1024;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) * 1024;
}

/// The node with the most operations.
NodeId heaviest(const Graph& graph) {
  NodeId found = 0;
  for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
    if (graph.layer(node).flops() > graph.layer(found).flops()) found = node;
  }
  return found;
}

class Worker {
 public:
  Worker(std::unique_ptr<Device> accelerator, const std::filesystem::path& costs)
      : bench_(std::move(accelerator)),
        costs_(costs.empty() ? CostStore::temporary() : CostStore::open(costs)) {}

  /// Where what comes with a request is put.
  std::filesystem::path incoming() const { return folder_.path() / "incoming"; }

  /// Gives the answer's fields; `attached` is what goes with the answer.
  Json answer(const Json& request, std::string& attached) {
    const auto verb = request.at("verb").get<std::string>();
    if (verb == "hello") return hello();
    if (verb == "have") return {{"have", has(request)}};
    if (verb == "put") {
      std::filesystem::rename(incoming(), file(request.at("hash")));
      return Json::object();
    }
    if (verb == "open") return open(request);
    if (verb == "run") return run(request.at("count").get<int>(), request.at("warm_up").get<int>());
    if (verb == "measure") {
      return measure_steps(request.at("budget_us").get<double>(), request.at("runs").get<int>());
    }
    if (verb == "primitives") return {{"primitives", primitives(request)}};
    if (verb == "drop") {
      std::filesystem::remove(file(request.at("hash")));
      return Json::object();
    }
    if (verb == "output") {
      attached = output(request.at("name").get<std::string>());
      return Json::object();
    }
    if (verb == "memory") return {{"peak_bytes", peak_bytes()}};
    if (verb == "bye") return Json::object();
    throw Refusal{"unsupported", fmt::format("the verb '{}' is not known", verb)};
  }

 private:
  /// Whether the file is here; where the asking side's own file can be reached, it is from then on.
  bool has(const Json& request) {
    const std::filesystem::path here = file(request.at("hash"));
    if (std::filesystem::exists(here) || !request.contains("file")) return std::filesystem::exists(here);
    const Json& theirs = request.at("file");
    return link_to_same(theirs.at("path").get<std::string>(),
                        {.inode = theirs.at("inode").get<uint64_t>(),
                         .size = theirs.at("size").get<uint64_t>(),
                         .modified_ns = theirs.at("modified_ns").get<int64_t>()},
                        here);
  }

  Json hello() {
    std::map<std::string, std::string> versions = library_versions(bench_.registry);
    versions["raceline"] = version;
    // Of another driver the times are others.
    if (bench_.accelerator) versions["accelerator"] = bench_.accelerator->fingerprint();
    return {{"protocol", WorkerClient::protocol},
            {"platform", bench_.accelerator ? "raceline-opencl" : "raceline"},
            {"accelerator", bench_.accelerator ? bench_.accelerator->name() : "cpu"},
            {"versions", versions},
            {"primitives", true},
            {"modes", {"optimised", "unoptimised"}}};
  }

  LoadedModel load(const Json& request, const PlanSet* plans) {
    ModelOptions options;
    options.path = file(request.at("model"));
    for (const auto& [name, hash] : request.at("inputs").items()) {
      options.inputs.push_back(fmt::format("{}={}", name, file(hash).string()));
    }
    options.no_fusion = request.at("mode") == "unoptimised";
    return load_model(options, bench_, plans);
  }

  /// The primitives that can compute the model's heaviest node, or a fusion that begins with it, on the
  /// accelerator if there is one; the reference only counts where nothing is optimised.
  std::vector<std::string> primitives(const Json& request) {
    const LoadedModel model = load(request, nullptr);
    const Graph& graph = model.graph;
    const NodeId main = heaviest(graph);
    std::vector<LayerDesc> layers{graph.layer(main)};
    for (const Fusion& fusion : graph.fusions()) {
      if (fusion.nodes[0] == main) layers.push_back(graph.layer(fusion));
    }
    std::vector<std::string> names;
    for (const auto& primitive : bench_.registry.all()) {
      if (bench_.accelerator && !there_.admits(primitive->name())) continue;
      if (request.at("mode") == "optimised" && primitive->info().library == "reference") continue;
      const bool can = std::any_of(layers.begin(), layers.end(), [&](const LayerDesc& layer) {
        return primitive->info().op == layer.op && primitive->supports(layer);
      });
      if (can) names.push_back(primitive->name());
    }
    return names;
  }

  /// How the model is run when the request brings no plan: by one primitive, by the reference, or tuned here.
  Plan plan_of(const Json& request, int threads) {
    Graph& graph = model_->graph;
    if (request.contains("primitive")) {
      const CandidateSet candidates(graph, bench_.registry, {});
      return forced_plan(graph, candidates,
                         {.only = {request.at("primitive").get<std::string>()}, .without = {}});
    }
    const bool unoptimised = request.at("mode") == "unoptimised";
    if (bench_.accelerator && (unoptimised || !request.value("tune", false)))
      return forced_plan(graph, CandidateSet(graph, bench_.registry, {}), there_);
    if (unoptimised) return Plan::reference(graph, bench_.registry);
    if (!request.value("tune", false)) return library_planner(bench_)(graph);
    TuneOptions options;
    options.profile.threads = threads;
    options.profile.pinned = true;
    options.profile.timing.rounds = 5;
    options.correct = false;
    options.race_rounds = 5;
    options.race_seconds = 0;
    if (bench_.accelerator) options.filter = there_;
    return tune(graph, bench_.registry, bench_.devices(device_), costs_, views_of(model_->inputs), options)
        .plan;
  }

  /// What the CPU computes in place of the accelerator says nothing of it. Throws Refusal.
  void want_there(const Plan& plan, const Graph& graph) const {
    const std::string& name = graph.node(heaviest(graph)).name;
    for (const PlanStep& step : plan.steps) {
      if (std::ranges::find(step.covers, name) != step.covers.end() && !there_.admits(step.primitive))
        throw Refusal{"unsupported", fmt::format("{} on the accelerator: only {} can", name, step.primitive)};
    }
  }

  Json open(const Json& request) {
    session_.reset();
    model_.reset();
    const double begin = now_us();
    const PlanSet plans = request.contains("plan") ? read_plans(file(request.at("plan"))) : PlanSet();
    model_ = load(request, plans.empty() ? nullptr : &plans);
    const int threads = request.at("threads").get<int>();
    pin_threads(threads);
    const Plan plan = plans.empty() ? plan_of(request, threads) : model_->plan;
    if (bench_.accelerator && plans.empty()) want_there(plan, model_->graph);
    session_ = std::make_unique<Session>(model_->graph, plan, bench_.registry, bench_.devices(device_),
                                         SessionOptions{.threads = threads, .release_constants = true});
    inputs_ = views_of(model_->inputs);
    outputs_ = output_tensors(model_->graph);
    views_ = views_of(outputs_);
    session_->run(inputs_, views_);
    // The application's own copies of inputs and outputs.
    theirs_.clear();
    for (const Tensor& input : model_->inputs) theirs_.push_back(with_layout(input.view(), Layout::nchw));
    taken_ = output_tensors(model_->graph);
    Json names = Json::array();
    for (const Graph::Output& output : model_->graph.outputs()) names.push_back(output.name);
    return {{"outputs", names}, {"load_us", now_us() - begin}};
  }

  /// Raw steps of runs: copying in and out between the application's tensors and the session's, and inside
  /// the session its steps.
  Json measure_steps(double budget_us, int most) {
    if (session_ == nullptr) throw Refusal{"failed", "no model is open"};
    const std::span<const StepInfo> steps = session_->steps();
    Json kernels = Json::array();
    for (const StepInfo& step : steps) {
      if (!step.conversion) kernels.push_back(std::string(step.primitive));
    }
    std::vector<StepTrace> traces(steps.size());
    session_->run_traced(inputs_, views_, traces);
    Json runs = Json::array();
    const double begin = now_us();
    while (static_cast<int>(runs.size()) < most && (runs.empty() || now_us() - begin < budget_us)) {
      RawTimes times{};
      const auto at = [&](RawStep step) -> double& { return times[static_cast<size_t>(step)]; };
      const double start = now_us();
      for (size_t input = 0; input < theirs_.size(); ++input) copy(theirs_[input], model_->inputs[input]);
      const double copied = now_us();
      const double after = session_->run_traced(inputs_, views_, traces);
      const double ran = now_us();
      for (size_t output = 0; output < taken_.size(); ++output) copy(outputs_[output], taken_[output]);
      const double end = now_us();
      add_steps(times, steps, traces);
      const double inside = after + std::accumulate(times.begin(), times.end(), 0.0);
      at(RawStep::copy_in) += copied - start;
      at(RawStep::issue) += std::max(0.0, ran - copied - inside);
      at(RawStep::hand_over) += after;
      at(RawStep::copy_out) += end - ran;
      double time = 0;
      Json run = Json::array();
      for (size_t step = 0; step < times.size(); ++step) {
        run.push_back({std::string(to_string(static_cast<RawStep>(step))), time, time + times[step]});
        time += times[step];
      }
      runs.push_back(std::move(run));
    }
    return {{"runs", runs}, {"kernels", kernels}};
  }

  static void copy(const Tensor& from, const Tensor& to) {
    std::memcpy(to.data<std::byte>(), from.data<std::byte>(), from.desc().bytes());
  }

  Json run(int count, int warm_up) {
    if (session_ == nullptr) throw Refusal{"failed", "no model is open"};
    for (int i = 0; i < warm_up; ++i) session_->run(inputs_, views_);
    std::vector<double> samples;
    samples.reserve(static_cast<size_t>(std::max(0, count)));
    for (int i = 0; i < count; ++i) {
      const double begin = now_us();
      session_->run(inputs_, views_);
      samples.push_back(now_us() - begin);
    }
    return {{"samples_us", samples}};
  }

  std::string output(const std::string& name) {
    if (session_ == nullptr) throw Refusal{"failed", "no model is open"};
    const auto outputs = model_->graph.outputs();
    for (size_t index = 0; index < outputs.size(); ++index) {
      if (outputs[index].name != name) continue;
      const std::filesystem::path written = folder_.path() / "output.npy";
      write_npy(written, views_[index]);
      return read_file(written);
    }
    throw Refusal{"failed", fmt::format("no output is named '{}'", name)};
  }

  /// Where a file that was sent lies. Throws Refusal for what is no name of one.
  std::filesystem::path file(const Json& name) const {
    const auto text = name.get<std::string>();
    if (text.empty() || text.find_first_not_of("0123456789abcdef") != std::string::npos) {
      throw Refusal{"failed", fmt::format("'{}' is no name of a file", text)};
    }
    return folder_.path() / text;
  }

  /// On an accelerator all that it can, whatever the CPU could do better; CLBlast compiles for seconds a
  /// layer.
  const PrimitiveFilter there_{.only = {"opencl"}, .without = {"clblast"}};
  ScratchFolder folder_;
  Workbench bench_;
  CpuDevice device_{bench_.cpu.machine()};
  std::optional<LoadedModel> model_;
  std::unique_ptr<Session> session_;
  std::vector<TensorView> inputs_, views_;
  std::vector<Tensor> outputs_, theirs_, taken_;
  CostStore costs_;  ///< a model that is opened again is not measured again
};

Json refusal(const std::string& kind, const std::string& why) {
  return {{"error", {{"kind", kind}, {"message", why}}}};
}

struct Options {
  DeviceOptions devices;
  std::filesystem::path costs;
};

int serve(const Options& options) {
  const WorkerPipes pipes;
  Worker worker(options.devices.open(), options.costs);
  std::string line;
  while (pipes.read_line(line)) {
    const Json request = Json::parse(line, nullptr, false);
    if (!request.is_object() || !request.contains("id"))
      throw ParseError("a request that is no JSON object with an id");
    std::string attached;
    if (request.contains("bytes")) pipes.read_into(worker.incoming(), request.at("bytes").get<size_t>());
    Json answer;
    bool lost = false;
    try {
      answer = worker.answer(request, attached);
    } catch (const Refusal& no) {
      answer = refusal(no.kind, no.why);
    } catch (const UnsupportedError& error) {
      answer = refusal("unsupported", error.what());
    } catch (const std::bad_alloc&) {
      answer = refusal("memory", "out of memory");
    } catch (const DeviceError& error) {
      // A lost device is lost for good, for this process.
      lost = !std::string_view(error.what()).starts_with("out of memory");
      answer = refusal(lost ? "failed" : "memory", error.what());
      if (lost) answer["ends"] = true;
    } catch (const std::exception& error) {
      answer = refusal("failed", error.what());
    }
    answer["id"] = request.at("id");
    if (!attached.empty()) answer["bytes"] = attached.size();
    pipes.write(answer.dump(-1, ' ', false, Json::error_handler_t::replace), attached);
    if (lost || request.value("verb", "") == "bye") break;
  }
  return done;
}

}  // namespace

std::function<int()> setup_worker(CLI::App& app) {
  auto options = std::make_shared<Options>();
  options->devices.add_to(app);
  app.add_option("--costs", options->costs,
                 "Store of what was measured to make plans, for workers to come; forgotten if not given")
      ->type_name("DB");
  return [options] { return serve(*options); };
}

}  // namespace raceline::cli
