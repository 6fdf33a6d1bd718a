#include "cli/verify_case.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/model/tensor_proto.h"
#include "raceline/runtime/session.h"
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

Graph graph_for(OnnxModel& model, const DataSet& data, const ModelOptions& options, const Workbench& bench) {
  const std::vector<std::string> shape_arguments = model.shape_arguments();
  Bindings bindings;
  for (const auto& [name, tensor] : data.inputs) {
    if (std::find(shape_arguments.begin(), shape_arguments.end(), name) != shape_arguments.end()) {
      bindings.values[name] = tensor.view();
    } else {
      bindings.shapes[name] = tensor.desc().shape;
    }
  }
  return run_passes(model.build(bindings, bench.evaluator), bench.evaluator,
                    {.fusion = !options.no_fusion, .without = options.without_passes});
}

std::vector<Tensor> run_plan(Graph& graph, const Plan& plan, std::span<const TensorView> inputs,
                             const Workbench& bench) {
  CpuDevice device(bench.cpu.machine());
  Session session(graph, plan, bench.registry, device);
  std::vector<Tensor> outputs = output_tensors(graph);
  session.run(inputs, views_of(outputs));
  return outputs;
}

/// The plans to run, each with a name for messages.
std::vector<std::pair<std::string, Plan>> plans_for(const Graph& graph, const VerifyMode& mode, bool stored,
                                                    const Workbench& bench) {
  std::vector<std::pair<std::string, Plan>> plans;
  if (!mode.plan.empty()) {
    plans.emplace_back(mode.plan.string(), read_plan(mode.plan));
    return plans;
  }
  if (stored && mode.only.only.empty())
    plans.emplace_back("reference", Plan::reference(graph, bench.registry));
  const CandidateSet candidates(graph, bench.registry, {});
  if (mode.each_primitive) {
    std::set<std::string> names;
    for (const auto& [key, layer] : candidates.layers()) {
      for (const Candidate& candidate : layer.candidates) {
        if (candidate.primitive->info().library != "reference") names.insert(candidate.primitive->name());
      }
    }
    for (const std::string& name : names) {
      plans.emplace_back(name, forced_plan(graph, candidates, {.only = {name}, .without = {}}));
    }
  } else if (!mode.only.only.empty()) {
    plans.emplace_back(join(mode.only.only, ","), forced_plan(graph, candidates, mode.only));
  } else if (!stored) {
    plans.emplace_back("libraries", forced_plan(graph, candidates, {.only = {}, .without = {"reference"}}));
  }
  return plans;
}

void run_data_set(Graph& graph, const DataSet& data, bool stored, const VerifyMode& mode,
                  const Tolerance& tolerance, const Workbench& bench, VerifyResult& result) {
  std::vector<TensorView> inputs;
  for (const ValueId input : graph.inputs()) {
    const auto found = std::find_if(data.inputs.begin(), data.inputs.end(), [&](const auto& entry) {
      return entry.first == graph.value(input).name;
    });
    inputs.push_back(found->second.view());
  }
  std::vector<TensorView> wanted = views_of(data.wanted);
  std::vector<Tensor> reference;
  if (!stored) {
    reference = run_plan(graph, Plan::reference(graph, bench.registry), inputs, bench);
    wanted = views_of(reference);
  }
  if (wanted.size() != graph.outputs().size()) {
    throw Error(fmt::format("{} outputs stored, the model has {}", wanted.size(), graph.outputs().size()));
  }
  for (const auto& [name, plan] : plans_for(graph, mode, stored, bench)) {
    ++result.runs;
    const std::vector<Tensor> outputs = run_plan(graph, plan, inputs, bench);
    for (size_t index = 0; index < outputs.size(); ++index) {
      const Comparison comparison = compare(outputs[index].view(), wanted[index], tolerance);
      if (comparison.largest_wanted > 0) {
        result.largest_error =
            std::max(result.largest_error, comparison.largest_difference / comparison.largest_wanted);
      }
      if (comparison.equal) continue;
      result.state = VerifyResult::State::failed;
      result.why.push_back(fmt::format("{}: by {}: output '{}': {}", data.name, name,
                                       graph.outputs()[index].name, comparison.why));
    }
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
    if (folders.empty()) {
      ModelOptions own = options;
      own.path = file;
      const Plan plan = mode.plan.empty() ? Plan{} : read_plan(mode.plan);
      LoadedModel model = load_model(own, bench, mode.plan.empty() ? nullptr : &plan);
      DataSet data{.name = "given inputs"};
      for (size_t index = 0; index < model.inputs.size(); ++index) {
        data.inputs.emplace_back(model.graph.value(model.graph.inputs()[index]).name,
                                 std::move(model.inputs[index]));
      }
      run_data_set(model.graph, data, false, mode, tolerance, bench, result);
    }
    for (const fs::path& folder : folders) {
      OnnxModel model = OnnxModel::load(file);
      const DataSet data = read_data_set(folder, model);
      Graph graph = graph_for(model, data, options, bench);
      run_data_set(graph, data, true, mode, tolerance, bench, result);
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
