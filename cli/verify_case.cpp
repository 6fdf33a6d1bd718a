#include "cli/verify_case.h"

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "cli/interrupt.h"
#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/model/tensor_proto.h"
#include "raceline/runtime/network.h"
#include "raceline/search/forced_plan.h"

namespace raceline::cli {
namespace {

namespace fs = std::filesystem;

/// Inputs by name, wanted outputs by position.
struct DataSet {
  std::string name;
  std::vector<std::pair<std::string, Tensor>> inputs;
  std::vector<Tensor> wanted;
};

/// input_0.pb, input_1.pb, ... of a folder.
std::vector<Tensor> read_numbered(const fs::path& folder, std::string_view stem) {
  std::vector<Tensor> tensors;
  for (;;) {
    const fs::path file = folder / fmt::format("{}_{}.pb", stem, tensors.size());
    if (!fs::exists(file)) return tensors;
    tensors.push_back(read_tensor_pb(file));
  }
}

DataSet read_data_set(const fs::path& folder, const OnnxModel& model) {
  DataSet data{.name = folder.filename().string(), .inputs = {}, .wanted = read_numbered(folder, "output")};
  std::vector<Tensor> inputs = read_numbered(folder, "input");
  const auto& wanted = model.inputs();
  if (inputs.size() != wanted.size()) {
    throw Error(fmt::format("'{}' holds {} inputs, the model wants {}", folder.string(), inputs.size(),
                            wanted.size()));
  }
  for (size_t index = 0; index < inputs.size(); ++index) {
    data.inputs.emplace_back(wanted[index].name, std::move(inputs[index]));
  }
  return data;
}

using Planner = std::function<Plan(const Graph&)>;

/// Makes plans by forced_plan(). Who can compute what is asked once a graph.
class ForcedPlanner {
 public:
  explicit ForcedPlanner(const PrimitiveRegistry& registry) : registry_(registry) {}

  const CandidateSet& candidates(const Graph& graph) {
    std::string key = graph.key();
    for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
      key += '\n';
      key += graph.layer(id).key();  // knows the density of constants, the graph's key does not
    }
    auto place = candidates_.find(key);
    if (place == candidates_.end()) {
      place = candidates_.emplace(std::move(key), CandidateSet(graph, registry_, {})).first;
    }
    return place->second;
  }

  Planner by(PrimitiveFilter filter, FillIn fill) {
    return [this, filter = std::move(filter), fill](const Graph& graph) {
      return forced_plan(graph, candidates(graph), filter, fill);
    };
  }

 private:
  const PrimitiveRegistry& registry_;
  std::map<std::string, CandidateSet> candidates_;
};

/// Primitives, reference aside, that can compute some layer or conversion of the network's stages, and
/// whether it takes fitting neighbours to use them: a reorder wants two layouts in a row, a primitive that
/// gathers wants operands that are computed where it wants them.
std::map<std::string, bool> able_primitives(const Network& network, ForcedPlanner& planner) {
  std::map<std::string, bool> names;
  for (const BoundStage* stage : network.stages()) {
    for (const auto& [key, layer] : planner.candidates(stage->stage.graph).layers()) {
      for (const Candidate& candidate : layer.candidates) {
        if (candidate.primitive->info().library == "reference") continue;
        names[candidate.primitive->name()] = layer.layer.op == OpKind::reorder ||
                                             candidate.primitive->sharing(layer.layer) == Sharing::gathered;
      }
    }
  }
  return names;
}

/// One data set of one network: what it gives, by whom, and what was wanted.
class DataSetCheck {
 public:
  DataSetCheck(Network& network, const DataSet& data, const Tolerance& tolerance, VerifyResult& result)
      : network_(network), data_(data), tolerance_(tolerance), result_(result) {
    for (const auto& [name, tensor] : data.inputs) inputs_.push_back(tensor.view());
    wanted_ = views_of(data.wanted);
  }

  std::vector<Tensor> run() { return network_.run(inputs_); }

  /// From here on these are the wanted outputs.
  void want(std::vector<Tensor> outputs) {
    reference_ = std::move(outputs);
    wanted_ = views_of(reference_);
  }

  void fail(const std::string& by, std::string_view why) {
    result_.state = VerifyResult::State::failed;
    result_.why.push_back(fmt::format("{}: by {}: {}", data_.name, by, why));
  }

  void compare_outputs(const std::string& by, const std::vector<Tensor>& outputs) {
    ++result_.runs;
    const std::vector<std::string> names = network_.model().outputs();
    for (size_t index = 0; index < outputs.size(); ++index) {
      const Comparison comparison = compare(outputs[index].view(), wanted_[index], tolerance_);
      if (comparison.largest_wanted > 0) {
        result_.largest_error =
            std::max(result_.largest_error, comparison.largest_difference / comparison.largest_wanted);
      }
      if (!comparison.equal) fail(by, fmt::format("output '{}': {}", names[index], comparison.why));
    }
  }

  void run_by(const std::string& by, const Planner& planner) {
    network_.plan_by(planner);
    compare_outputs(by, run());
  }

  /// Notes who computes what in the last run in place of primitives that the filter admits.
  void note_fallbacks(const PrimitiveFilter& filter) {
    for (const BoundStage* stage : network_.stages()) {
      for (const PlanStep& step : stage->plan.steps) {
        if (filter.admits(step.primitive)) continue;
        result_.fallbacks.insert(step.primitive);
      }
    }
  }

  /// One run for each primitive. Nothing is taken on trust: who fills in for the layers that one cannot do is
  /// a primitive with a run of its own.
  void run_each(ForcedPlanner& planner, const OnRun& on_run) {
    const std::map<std::string, bool> names = able_primitives(network_, planner);
    size_t done = 0;
    for (const auto& entry : names) {
      const std::string& name = entry.first;
      if (is_interrupted()) return;
      on_run(done++, names.size(), name);
      try {
        network_.plan_by(planner.by({.only = {name}, .without = {}}, FillIn::libraries));
        const std::vector<Tensor> outputs = run();
        const auto& stages = network_.stages();
        if (std::any_of(stages.begin(), stages.end(),
                        [&](const BoundStage* stage) { return uses(stage->plan, name); })) {
          compare_outputs(name, outputs);
        } else if (entry.second) {
          result_.unused.insert(name);  // no way through the network has such neighbours
        } else {
          fail(name, "the plan does not use it");
        }
      } catch (const Error& error) {
        fail(name, error.what());
      }
    }
  }

 private:
  Network& network_;
  const DataSet& data_;
  const Tolerance& tolerance_;
  VerifyResult& result_;
  std::vector<TensorView> inputs_, wanted_;
  std::vector<Tensor> reference_;
};

void run_data_set(Network& network, const DataSet& data, bool stored, const VerifyMode& mode,
                  const Tolerance& tolerance, ForcedPlanner& planner, const OnRun& on_run,
                  VerifyResult& result) {
  const size_t outputs_wanted = network.model().outputs().size();
  if (stored && data.wanted.size() != outputs_wanted) {
    throw Error(fmt::format("{} outputs stored, the model has {}", data.wanted.size(), outputs_wanted));
  }
  DataSetCheck check(network, data, tolerance, result);
  // First by the plan, if there is one, or by the reference.
  std::vector<Tensor> outputs = check.run();
  if (!mode.plan.empty()) {
    if (!stored) {
      network.plan_by({});
      check.want(check.run());
    }
    check.compare_outputs(mode.plan.string(), outputs);
    return;
  }
  if (!stored) {
    check.want(std::move(outputs));
  } else if (mode.only.only.empty()) {
    check.compare_outputs("reference", outputs);
  }
  if (mode.each_primitive) {
    check.run_each(planner, on_run);
  } else if (!mode.only.only.empty()) {
    check.run_by(join(mode.only.only, ","), planner.by(mode.only, FillIn::reference));
    check.note_fallbacks(mode.only);
  } else if (!stored) {
    check.run_by("libraries", planner.by({.only = {}, .without = {"reference"}}, FillIn::reference));
  }
}

std::vector<fs::path> data_folders(const fs::path& path) {
  std::vector<fs::path> folders;
  if (fs::is_directory(path)) {
    for (const auto& entry : fs::directory_iterator(path)) {
      if (entry.is_directory() && starts_with(entry.path().filename().string(), "test_data_set_")) {
        folders.push_back(entry.path());
      }
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

}  // namespace

VerifyResult verify_case(const fs::path& path, const ModelOptions& options, const VerifyMode& mode,
                         const Tolerance& tolerance, const Workbench& bench, const OnRun& on_run) {
  VerifyResult result{.name = path.filename().empty() ? path.parent_path().filename().string()
                                                      : path.filename().string()};
  try {
    const std::vector<fs::path> folders = data_folders(path);
    const fs::path file = fs::is_directory(path) ? path / "model.onnx" : path;
    const PlanSet plans = read_plans(mode.plan);
    CpuDevice device(bench.cpu.machine());
    ForcedPlanner planner(bench.registry);
    const auto network_of = [&](OnnxModel model) {
      NetworkOptions wanted{.plans = plans,
                            .passes = {.fusion = !options.no_fusion, .without = options.without_passes}};
      if (!plans.empty()) wanted.planner = library_planner(bench);
      return Network(std::move(model), bench.registry, bench.devices(device), bench.evaluator,
                     std::move(wanted));
    };
    if (folders.empty()) {
      ModelOptions own = options;
      own.path = file;
      OpenedModel opened = open_model(own);
      if (!plans.empty()) choose_plan(opened.model, plans, opened.bindings);
      std::vector<Tensor> inputs = opened.all_inputs(options.seed);
      DataSet data{.name = "given inputs"};
      for (size_t index = 0; index < inputs.size(); ++index) {
        data.inputs.emplace_back(opened.model.inputs()[index].name, std::move(inputs[index]));
      }
      Network network = network_of(std::move(opened.model));
      run_data_set(network, data, false, mode, tolerance, planner, on_run, result);
    }
    for (const fs::path& folder : folders) {
      OnnxModel model = OnnxModel::load(file);
      const DataSet data = read_data_set(folder, model);
      Network network = network_of(std::move(model));
      run_data_set(network, data, true, mode, tolerance, planner, on_run, result);
    }
  } catch (const UnsupportedError& error) {
    result.state = VerifyResult::State::refused;
    result.why.push_back(error.what());
  } catch (const Error& error) {
    result.state = VerifyResult::State::failed;
    result.why.push_back(error.what());
  }
  return result;
}

}  // namespace raceline::cli
