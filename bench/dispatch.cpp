// What a Session adds to its kernels: a graph of 1,000 tiny layers against the same kernels called in a loop.
// Exit status 1 when it is more than 0.5 us a layer.
#include <algorithm>

#include <fmt/format.h>

#include "raceline/device/cpu_device.h"
#include "raceline/kernels/builtin.h"
#include "raceline/profile/measure.h"
#include "raceline/profile/store.h"
#include "raceline/runtime/session.h"

namespace raceline {
namespace {

constexpr int layers = 1000;
constexpr double most_us = 0.5;
constexpr const char* primitive_name = "unary.native.loop.nchw@cpu";

/// Kernels of the graph's nodes with their arguments, called one after the other.
class Loop {
 public:
  Loop(const Graph& graph, const PrimitiveRegistry& registry, Device& device, const TensorView& input,
       const TensorView& output) {
    for (NodeId node = 0; node < static_cast<NodeId>(graph.nodes().size()); ++node) {
      const LayerDesc layer = graph.layer(node);
      const std::vector<TensorView> constants(layer.inputs.size());
      kernels_.push_back(registry.at(primitive_name).prepare(layer, {constants, device, 1}));
      views_.push_back(node == 0 ? input : output);
      views_.push_back(output);
    }
  }
  Status run(Queue& queue) const {
    for (size_t index = 0; index < kernels_.size(); ++index) {
      const std::span views(views_.data() + 2 * index, 2);
      const Status status = kernels_[index]->run({views.first(1), views.subspan(1), {}, queue});
      if (!status.is_ok()) return status;
    }
    return Status::ok();
  }

 private:
  std::vector<std::unique_ptr<const Kernel>> kernels_;
  std::vector<TensorView> views_;
};

int run() {
  const PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device(Machine::detect());
  pin_threads(1);
  Graph graph;
  const TensorDesc desc{DataType::f32, {1, 16, 1, 1}};
  ValueId value = graph.add_input("x", desc);
  Plan plan{.graph_key = {}, .threads = 1};
  for (int layer = 0; layer < layers; ++layer) {
    const std::string name = fmt::format("relu{}", layer);
    value = graph.node(graph.add_node(name, OpKind::unary, UnaryParams{}, {value})).outputs[0];
    plan.steps.push_back({.covers = {name}, .primitive = primitive_name});
  }
  graph.mark_output(value, "y");
  plan.graph_key = graph.key();
  Session session(graph, plan, registry, device);
  const Tensor input(desc), output(desc);
  std::fill_n(input.data<float>(), desc.stored_elements(), 1.0f);
  const TensorView inputs[] = {input.view()}, outputs[] = {output.view()};
  const Loop loop(graph, registry, device, inputs[0], outputs[0]);
  const Contender contenders[] = {{.name = "session",
                                   .run =
                                       [&](Queue&) {
                                         session.run(inputs, outputs);
                                         return Status::ok();
                                       }},
                                  {.name = "loop", .run = [&](Queue& queue) { return loop.run(queue); }}};
  Sentinel sentinel(steady_clock());
  const auto queue = device.make_queue(1);
  queue->bind();
  const MeasureResult result = measure(contenders, *queue, sentinel, {.rounds = 200});
  const auto layer_ns = [&](size_t index, double share) {
    return 1e3 * percentile(result.contenders[index].samples_us, share) / layers;
  };
  fmt::print("{} layers of {} elements, ns a layer: 10th percentile, median\n", layers,
             desc.stored_elements());
  for (const size_t index : {0, 1})
    fmt::print("  {:8} {:7.1f} {:7.1f}\n", contenders[index].name, layer_ns(index, 0.1),
               layer_ns(index, 0.5));
  const double overhead_us = 1e-3 * (layer_ns(0, 0.5) - layer_ns(1, 0.5));
  fmt::print("a session adds {:.1f} ns a layer; at most {:.0f} are allowed\n", 1e3 * overhead_us,
             1e3 * most_us);
  return overhead_us <= most_us ? 0 : 1;
}

}  // namespace
}  // namespace raceline

int main() {
  try {
    return raceline::run();
  } catch (const std::exception& error) {
    fmt::print(stderr, "{}\n", error.what());
    return 2;
  }
}
