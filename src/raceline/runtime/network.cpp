// Stages are kept by what they depend on: the stage before, shapes, and values of what became a constant. So
// each run walks a chain of sessions, building only those that it meets for the first time.
#include "raceline/runtime/network.h"

#include <algorithm>
#include <cstdint>
#include <map>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

struct Kept {
  BoundStage bound;
  uint64_t used = 0;  ///< number of the run that used it last
};

void add_to_key(std::string& key, const std::string& name, const TensorView& view, bool by_value) {
  key += fmt::format("{}={}", name, view.desc.to_string());
  if (by_value) {
    key += ':';
    const auto* bytes = view.data<const char>();
    if (view.desc.bytes() > 0) key.append(bytes, view.desc.bytes());
  }
  key += '\n';
}

std::string given_text(const Bindings& bindings) {
  std::map<std::string, std::string> shapes;
  for (const auto& [name, shape] : bindings.shapes) shapes[name] = shape.to_string();
  for (const auto& [name, dim] : bindings.dims) shapes[name] = fmt::format("{}", dim);
  if (bindings.batch > 0) shapes["batch"] = fmt::format("{}", bindings.batch);
  return shapes.empty() ? "this model" : shapes_text(shapes);
}

std::map<std::string, Shape> shapes_of(const Plan& plan) {
  std::map<std::string, Shape> shapes;
  for (const auto& [name, desc] : plan.shapes) shapes[name] = TensorDesc::parse(desc).shape;
  return shapes;
}

}  // namespace

const Plan& choose_plan(const OnnxModel& model, const PlanSet& plans, Bindings& bindings, bool any) {
  const auto fits = [&](const Plan& each) { return model.fits(bindings, shapes_of(each)); };
  if (any && std::none_of(plans.plans.begin(), plans.plans.end(), fits)) return plans.plans.front();
  const Plan& plan = plans.find(fits, given_text(bindings));
  for (const auto& [name, shape] : shapes_of(plan)) bindings.shapes.emplace(name, shape);
  return plan;
}

PassOptions passes_of(const Plan& plan) {
  return {.fusion = plan.fusion, .without = plan.without_passes};
}

bool BoundStage::is_whole() const {
  const auto outputs = stage.graph.outputs();
  return stage.is_last() &&
         std::none_of(outputs.begin(), outputs.end(), [](const Graph::Output& each) { return each.extents; });
}

struct Network::State {
  OnnxModel model;
  const PrimitiveRegistry& registry;
  Devices devices;
  Evaluator evaluator;
  NetworkOptions options;
  std::unordered_map<std::string, std::unique_ptr<Kept>> kept = {};
  std::vector<const BoundStage*> stages = {};
  uint64_t runs = 0;
  int threads = 0;  ///< of the first stage's plan

  Kept& first(Bindings& bindings, std::string& key);
  Kept& later(const StageInputs& inputs, std::string& key);
  Kept& keep(const std::string& key, std::unique_ptr<Kept> made);
  Kept* find(const std::string& key);
  void make_session(BoundStage& bound);
  void drop_old();
  std::vector<Tensor> run(std::span<const TensorView> inputs, bool timed);
};

Kept* Network::State::find(const std::string& key) {
  const auto found = kept.find(key);
  if (found == kept.end()) return nullptr;
  found->second->used = runs;
  if (found->second->bound.session == nullptr) make_session(found->second->bound);
  return found->second.get();
}

Kept& Network::State::keep(const std::string& key, std::unique_ptr<Kept> made) {
  if (!made->bound.stage.graph.outputs().empty()) make_session(made->bound);
  made->used = runs;
  return *kept.insert_or_assign(key, std::move(made)).first->second;
}

void Network::State::make_session(BoundStage& bound) {
  if (bound.stage.graph.outputs().empty()) return;
  bound.session =
      std::make_unique<Session>(bound.stage.graph, bound.plan, registry, devices, options.session);
}

Kept& Network::State::first(Bindings& bindings, std::string& key) {
  const Plan* plan = nullptr;
  if (!options.plans.empty()) plan = &choose_plan(model, options.plans, bindings, options.repair);
  const std::vector<TensorDesc> descs = model.resolve(bindings);
  key.clear();
  for (size_t index = 0; index < descs.size(); ++index) {
    const std::string& name = model.inputs()[index].name;
    const auto value = bindings.values.find(name);
    const bool by_value = value != bindings.values.end();
    add_to_key(key, name, by_value ? value->second : TensorView{descs[index], {}}, by_value);
  }
  if (Kept* there = find(key)) return *there;
  auto made = std::make_unique<Kept>();
  BoundStage& bound = made->bound;
  bound.stage = model.first_stage(bindings, evaluator);
  if (!bound.stage.graph.outputs().empty()) {
    bound.stage.graph = run_passes(std::move(bound.stage.graph), evaluator,
                                   plan != nullptr ? passes_of(*plan) : options.passes);
    if (plan == nullptr) {
      bound.plan =
          options.planner ? options.planner(bound.stage.graph) : Plan::reference(bound.stage.graph, registry);
    } else if (options.repair) {
      RepairedPlan repaired = repair_plan(*plan, bound.stage.graph, registry, devices.fingerprint());
      bound.plan = std::move(repaired.plan);
      bound.changes = std::move(repaired.changes);
    } else {
      bound.plan = *plan;
    }
    threads = bound.plan.threads;
  }
  return keep(key, std::move(made));
}

Kept& Network::State::later(const StageInputs& inputs, std::string& key) {
  key += '|';
  for (const auto& [name, value] : inputs.values)
    add_to_key(key, name, value, inputs.by_value.contains(name));
  if (Kept* there = find(key)) return *there;
  auto made = std::make_unique<Kept>();
  BoundStage& bound = made->bound;
  bound.stage = model.later_stage(inputs, evaluator);
  if (!bound.stage.graph.outputs().empty()) {
    bound.stage.graph = run_passes(std::move(bound.stage.graph), evaluator, options.passes);
    bound.plan =
        options.planner ? options.planner(bound.stage.graph) : Plan::reference(bound.stage.graph, registry);
    if (threads > 0) bound.plan.threads = threads;
  }
  return keep(key, std::move(made));
}

void Network::State::drop_old() {
  while (kept.size() > std::max<size_t>(1, options.most_bound)) {
    const auto oldest = std::min_element(kept.begin(), kept.end(), [](const auto& a, const auto& b) {
      return a.second->used < b.second->used;
    });
    if (oldest->second->used == runs) return;  // all belong to this run
    kept.erase(oldest);
  }
}

std::vector<Tensor> Network::State::run(std::span<const TensorView> inputs, bool timed) {
  const auto declared = model.inputs();
  if (inputs.size() != declared.size()) {
    throw GraphError(fmt::format("the model has {} inputs; {} are given", declared.size(), inputs.size()));
  }
  const std::vector<std::string> shape_arguments = model.shape_arguments();
  Bindings bindings;
  std::map<std::string, TensorView> values;  // all that is there, by the model's names
  for (size_t index = 0; index < inputs.size(); ++index) {
    const OnnxInput& input = declared[index];
    const TensorView& view = inputs[index];
    if (view.desc.type != input.type || view.desc.layout != Layout::nchw) {
      throw GraphError(fmt::format("input '{}' is {} in layout {}; wanted is type {} in layout nchw",
                                   input.name, view.desc.to_string(), to_string(view.desc.layout),
                                   to_string(input.type)));
    }
    if (!view && view.desc.bytes() > 0) throw GraphError(fmt::format("input '{}' has no memory", input.name));
    values[input.name] = view;
    if (std::find(shape_arguments.begin(), shape_arguments.end(), input.name) != shape_arguments.end()) {
      bindings.values[input.name] = view;
    } else {
      bindings.shapes[input.name] = view.desc.shape;
    }
  }
  ++runs;
  stages.clear();
  std::map<std::string, Tensor> made;
  std::string key;
  Kept* at = &first(bindings, key);
  for (;;) {
    BoundStage& bound = at->bound;
    stages.push_back(&bound);
    if (bound.session != nullptr) {
      const Graph& graph = bound.stage.graph;
      std::vector<TensorView> operands;
      for (const ValueId input : graph.inputs()) operands.push_back(values.at(graph.value(input).name));
      std::vector<Tensor> results = output_tensors(graph);
      if (timed) {
        bound.times_us.resize(bound.session->steps().size());
        bound.session->run_timed(operands, views_of(results), bound.times_us);
      } else {
        bound.session->run(operands, views_of(results));
      }
      results = cut_outputs(graph, std::move(results));
      for (size_t index = 0; index < results.size(); ++index) {
        const std::string& name = graph.outputs()[index].name;
        values[name] = results[index].view();
        made[name] = std::move(results[index]);
      }
    }
    if (bound.stage.is_last()) break;
    StageInputs next{.values = {},
                     .by_value = bound.stage.by_value,
                     .outputs = bound.stage.left,
                     .deferred = bound.stage.deferred};
    for (const auto& [name, tensor] : bound.stage.known) values[name] = tensor.view();
    for (const std::string& name : bound.stage.carried) next.values[name] = values.at(name);
    at = &later(next, key);
  }
  drop_old();
  std::vector<Tensor> outputs;
  for (const std::string& name : model.outputs()) outputs.push_back(std::move(made.at(name)));
  return outputs;
}

Network::Network(OnnxModel model, const PrimitiveRegistry& registry, Devices devices, Evaluator evaluator,
                 NetworkOptions options)
    : state_(std::make_unique<State>(State{.model = std::move(model),
                                           .registry = registry,
                                           .devices = devices,
                                           .evaluator = std::move(evaluator),
                                           .options = std::move(options)})) {}
Network::~Network() = default;
Network::Network(Network&&) noexcept = default;
Network& Network::operator=(Network&&) noexcept = default;

const OnnxModel& Network::model() const {
  return state_->model;
}

const BoundStage& Network::bind(Bindings bindings) {
  ++state_->runs;
  std::string key;
  const BoundStage& bound = state_->first(bindings, key).bound;
  state_->drop_old();
  return bound;
}

std::vector<Tensor> Network::run(std::span<const TensorView> inputs) {
  return state_->run(inputs, false);
}

std::vector<Tensor> Network::run_timed(std::span<const TensorView> inputs) {
  return state_->run(inputs, true);
}

std::span<const BoundStage* const> Network::stages() const {
  return state_->stages;
}

size_t Network::bound() const {
  return state_->kept.size();
}

void Network::plan_by(std::function<Plan(const Graph&)> planner) {
  State& state = *state_;
  state.options.planner = std::move(planner);
  state.options.plans = {};
  for (auto& [key, each] : state.kept) {
    BoundStage& bound = each->bound;
    if (bound.stage.graph.outputs().empty()) continue;
    bound.session = nullptr;
    bound.plan = state.options.planner ? state.options.planner(bound.stage.graph)
                                       : Plan::reference(bound.stage.graph, state.registry);
  }
}

}  // namespace raceline
