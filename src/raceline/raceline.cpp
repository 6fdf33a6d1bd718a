#include "raceline/raceline.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/runtime/network.h"
#include "raceline/runtime/packed_directory.h"
#include "raceline/search/forced_plan.h"
#include "raceline/version.h"

namespace raceline {
namespace {

TensorInfo info_of(const std::string& name, const TensorDesc& desc) {
  return {name,
          std::string(to_string(desc.type)),
          {desc.shape.dims().begin(), desc.shape.dims().end()},
          desc.bytes()};
}

Bindings bindings_of(const ModelOptions& options) {
  Bindings bindings;
  for (const auto& [name, dims] : options.shapes) bindings.shapes[name] = Shape(dims);
  return bindings;
}

}  // namespace

struct Model::State {
  State(const std::string& path, const ModelOptions& options)
      : device(Machine::detect()), registry(builtin_primitives()) {
    OnnxModel model = OnnxModel::load(path);
    Bindings bindings = bindings_of(options);
    if (!options.cache.empty()) cache.emplace(options.cache);
    NetworkOptions wanted{.session = {.threads = options.threads,
                                      .release_constants = true,
                                      .packed = cache ? &*cache : nullptr}};
    if (!options.plan.empty()) {
      wanted.plans = PlanSet::from_json(read_file(options.plan));
      choose_plan(model, wanted.plans, bindings);
      wanted.planner = [this](const Graph& graph) {
        const CandidateSet candidates(graph, registry, {});
        return forced_plan(graph, candidates, {.only = {}, .without = {"reference"}});
      };
    }
    const std::vector<TensorDesc> descs = model.resolve(bindings);
    for (size_t index = 0; index < descs.size(); ++index) {
      inputs.push_back(info_of(model.inputs()[index].name, descs[index]));
      input_views.push_back({descs[index], {}});
    }
    for (const std::string& name : model.outputs()) {
      outputs.push_back({.name = name, .type = {}, .shape = {}, .bytes = 0, .fixed = false});
      output_views.emplace_back();
    }
    const bool bindable = model.shape_arguments().empty();
    network.emplace(std::move(model), registry, device, reference_evaluator(registry, device),
                    std::move(wanted));
    if (bindable) bind(bindings);
  }

  /// Learns what can be known of the outputs before a run.
  void bind(const Bindings& bindings) {
    const BoundStage& bound = network->bind(bindings);
    const Graph& graph = bound.stage.graph;
    for (const Graph::Output& output : graph.outputs()) {
      const auto found = std::find_if(outputs.begin(), outputs.end(),
                                      [&](const TensorInfo& info) { return info.name == output.name; });
      if (found == outputs.end() || output.extents || graph.value(output.value).extents != absent) continue;
      *found = info_of(output.name, graph.desc(output.value));
      output_views[static_cast<size_t>(found - outputs.begin())] = {graph.desc(output.value), {}};
    }
    if (bound.is_whole()) session = bound.session.get();
  }

  void take_inputs(std::span<const void* const> given) {
    if (given.size() != inputs.size()) {
      throw GraphError(fmt::format("run: {} inputs given, the model has {}", given.size(), inputs.size()));
    }
    // Inputs are never written: a TensorView has no const form.
    for (size_t i = 0; i < given.size(); ++i) input_views[i].memory.handle = const_cast<void*>(given[i]);
  }

  CpuDevice device;
  PrimitiveRegistry registry;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<TensorView> input_views, output_views;
  std::optional<PackedDirectory> cache;
  std::optional<Network> network;
  Session* session = nullptr;  ///< that does all; none where a run may need several
};

Model::Model(const std::string& onnx_path, const ModelOptions& options)
    : state_(std::make_unique<State>(onnx_path, options)) {}
Model::~Model() = default;
Model::Model(Model&&) noexcept = default;
Model& Model::operator=(Model&&) noexcept = default;

std::span<const TensorInfo> Model::inputs() const {
  return state_->inputs;
}
std::span<const TensorInfo> Model::outputs() const {
  return state_->outputs;
}

void Model::run(std::span<const void* const> inputs, std::span<void* const> outputs) {
  State& state = *state_;
  if (state.session == nullptr) {
    throw GraphError(
        "run: the shapes of this model's outputs depend on values of its inputs; use run(inputs)");
  }
  if (outputs.size() != state.outputs.size()) {
    throw GraphError(
        fmt::format("run: {} outputs given, the model has {}", outputs.size(), state.outputs.size()));
  }
  state.take_inputs(inputs);
  for (size_t i = 0; i < outputs.size(); ++i) state.output_views[i].memory.handle = outputs[i];
  state.session->run(state.input_views, state.output_views);
}

std::vector<OutputTensor> Model::run(std::span<const void* const> inputs) {
  State& state = *state_;
  state.take_inputs(inputs);
  std::vector<OutputTensor> results;
  for (const Tensor& tensor : state.network->run(state.input_views)) {
    const std::span<const std::byte> bytes = tensor.bytes();
    results.push_back({.info = info_of(state.outputs[results.size()].name, tensor.desc()),
                       .data = {bytes.begin(), bytes.end()}});
  }
  return results;
}

void Model::run(std::initializer_list<const void*> inputs, std::initializer_list<void*> outputs) {
  run(std::span<const void* const>(inputs.begin(), inputs.size()),
      std::span<void* const>(outputs.begin(), outputs.size()));
}

size_t Model::arena_bytes() const {
  return state_->session == nullptr ? 0 : state_->session->arena_bytes();
}
size_t Model::packed_bytes() const {
  return state_->session == nullptr ? 0 : state_->session->packed_bytes();
}

const char* version_string() {
  return version;
}

}  // namespace raceline
