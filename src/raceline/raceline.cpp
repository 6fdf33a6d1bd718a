#include "raceline/raceline.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/runtime/session.h"
#include "raceline/tune/plan_graph.h"
#include "raceline/version.h"

namespace raceline {
namespace {

TensorInfo info_of(const std::string& name, const TensorDesc& desc) {
  return {name,
          std::string(to_string(desc.type)),
          {desc.shape.dims().begin(), desc.shape.dims().end()},
          desc.bytes()};
}

Graph load_graph(const std::string& path, const ModelOptions& options, const Plan& plan,
                 const Evaluator& evaluator) {
  OnnxModel model = OnnxModel::load(path);
  Bindings bindings;
  for (const auto& [name, dims] : options.shapes) bindings.shapes[name] = Shape(dims);
  return graph_for_plan(model, plan, std::move(bindings), evaluator);
}

}  // namespace

struct Model::State {
  State(const std::string& path, const ModelOptions& options)
      : device(Machine::detect()), registry(builtin_primitives()) {
    Plan plan;
    if (!options.plan.empty()) plan = Plan::from_json(read_file(options.plan));
    graph = load_graph(path, options, plan, reference_evaluator(registry, device));
    if (options.plan.empty()) plan = Plan::reference(graph, registry);
    plan.check(graph, registry, device.fingerprint());
    for (const ValueId input : graph.inputs())
      inputs.push_back(info_of(graph.value(input).name, graph.desc(input)));
    for (const auto& output : graph.outputs())
      outputs.push_back(info_of(output.name, graph.desc(output.value)));
    for (const ValueId input : graph.inputs()) input_views.push_back({graph.desc(input), {}});
    for (const auto& output : graph.outputs()) output_views.push_back({graph.desc(output.value), {}});
    session = std::make_unique<Session>(
        graph, plan, registry, device, SessionOptions{.threads = options.threads, .release_constants = true});
  }

  CpuDevice device;
  PrimitiveRegistry registry;
  Graph graph;
  std::vector<TensorInfo> inputs, outputs;
  std::vector<TensorView> input_views, output_views;
  std::unique_ptr<Session> session;
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
  if (inputs.size() != state.inputs.size() || outputs.size() != state.outputs.size()) {
    throw GraphError(fmt::format("run: {} inputs and {} outputs given, the model has {} and {}",
                                 inputs.size(), outputs.size(), state.inputs.size(), state.outputs.size()));
  }
  // Inputs are never written: a TensorView has no const form.
  for (size_t i = 0; i < inputs.size(); ++i)
    state.input_views[i].memory.handle = const_cast<void*>(inputs[i]);
  for (size_t i = 0; i < outputs.size(); ++i) state.output_views[i].memory.handle = outputs[i];
  state.session->run(state.input_views, state.output_views);
}

void Model::run(std::initializer_list<const void*> inputs, std::initializer_list<void*> outputs) {
  run(std::span<const void* const>(inputs.begin(), inputs.size()),
      std::span<void* const>(outputs.begin(), outputs.size()));
}

size_t Model::arena_bytes() const {
  return state_->session->arena_bytes();
}
size_t Model::packed_bytes() const {
  return state_->session->packed_bytes();
}

const char* version_string() {
  return version;
}

}  // namespace raceline
