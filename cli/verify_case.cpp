#include "cli/verify_case.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

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

/// The ways to run, each with a name for messages; of a plan file none, for the network runs by it at once.
std::vector<std::pair<std::string, Planner>> planners_for(const Network& network, const VerifyMode& mode,
                                                          bool stored, const Workbench& bench) {
  const auto forced = [&bench](const PrimitiveFilter& filter) {
    return [&bench, filter](const Graph& graph) {
      return forced_plan(graph, CandidateSet(graph, bench.registry, {}), filter);
    };
  };
  std::vector<std::pair<std::string, Planner>> planners;
  if (mode.each_primitive) {
    std::set<std::string> names;
    for (const BoundStage* stage : network.stages()) {
      const CandidateSet candidates(stage->stage.graph, bench.registry, {});
      for (const auto& [key, layer] : candidates.layers()) {
        for (const Candidate& candidate : layer.candidates) {
          if (candidate.primitive->info().library != "reference") names.insert(candidate.primitive->name());
        }
      }
    }
    for (const std::string& name : names) {
      planners.emplace_back(name, forced({.only = {name}, .without = {}}));
    }
  } else if (!mode.only.only.empty()) {
    planners.emplace_back(join(mode.only.only, ","), forced(mode.only));
  } else if (!stored && mode.plan.empty()) {
    planners.emplace_back("libraries", forced({.only = {}, .without = {"reference"}}));
  }
  return planners;
}

void run_data_set(Network& network, const DataSet& data, bool stored, const VerifyMode& mode,
                  const Tolerance& tolerance, const Workbench& bench, VerifyResult& result) {
  std::vector<TensorView> inputs;
  for (const auto& [name, tensor] : data.inputs) inputs.push_back(tensor.view());
  const std::vector<std::string> names = network.model().outputs();
  if (stored && data.wanted.size() != names.size()) {
    throw Error(fmt::format("{} outputs stored, the model has {}", data.wanted.size(), names.size()));
  }
  std::vector<TensorView> wanted = views_of(data.wanted);
  const auto check = [&](const std::string& by, const std::vector<Tensor>& outputs) {
    ++result.runs;
    for (size_t index = 0; index < outputs.size(); ++index) {
      const Comparison comparison = compare(outputs[index].view(), wanted[index], tolerance);
      if (comparison.largest_wanted > 0) {
        result.largest_error =
            std::max(result.largest_error, comparison.largest_difference / comparison.largest_wanted);
      }
      if (comparison.equal) continue;
      result.state = VerifyResult::State::failed;
      result.why.push_back(
          fmt::format("{}: by {}: output '{}': {}", data.name, by, names[index], comparison.why));
    }
  };
  // First by the plan, if there is one, or by the reference.
  const std::vector<Tensor> outputs = network.run(inputs);
  std::vector<Tensor> reference;
  if (!mode.plan.empty()) {
    if (!stored) {
      network.plan_by({});
      reference = network.run(inputs);
      wanted = views_of(reference);
    }
    check(mode.plan.string(), outputs);
    return;
  }
  if (!stored) {
    wanted = views_of(outputs);
  } else if (mode.only.only.empty()) {
    check("reference", outputs);
  }
  for (const auto& [name, planner] : planners_for(network, mode, stored, bench)) {
    network.plan_by(planner);
    check(name, network.run(inputs));
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
                         const Tolerance& tolerance, const Workbench& bench) {
  VerifyResult result{.name = path.filename().empty() ? path.parent_path().filename().string()
                                                      : path.filename().string()};
  try {
    const std::vector<fs::path> folders = data_folders(path);
    const fs::path file = fs::is_directory(path) ? path / "model.onnx" : path;
    const PlanSet plans = read_plans(mode.plan);
    CpuDevice device(bench.cpu.machine());
    const auto network_of = [&](OnnxModel model) {
      NetworkOptions wanted{.plans = plans,
                            .passes = {.fusion = !options.no_fusion, .without = options.without_passes}};
      if (!plans.empty()) wanted.planner = library_planner(bench);
      return Network(std::move(model), bench.registry, device, bench.evaluator, std::move(wanted));
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
      run_data_set(network, data, false, mode, tolerance, bench, result);
    }
    for (const fs::path& folder : folders) {
      OnnxModel model = OnnxModel::load(file);
      const DataSet data = read_data_set(folder, model);
      Network network = network_of(std::move(model));
      run_data_set(network, data, true, mode, tolerance, bench, result);
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
