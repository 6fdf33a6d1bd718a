#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "tests/runtime/support.h"

namespace raceline::testing {
namespace {

class GraphMaker {
 public:
  explicit GraphMaker(Random& random) : random_(random) {}

  Graph make() {
    const int64_t batch = 1 + random_.below(2);
    const int64_t side = 3 + random_.below(7);
    const int inputs = 1 + static_cast<int>(random_.below(2));
    for (int i = 0; i < inputs; ++i) {
      const Shape shape{batch, 1 + random_.below(20), side, side};
      values_.push_back(graph_.add_input(fmt::format("in{}", i), {DataType::f32, shape}));
    }
    const int nodes = 2 + static_cast<int>(random_.below(12));
    for (int i = 0; i < nodes; ++i) add_node();
    add_fusions();
    mark_outputs();
    return std::move(graph_);
  }

 private:
  ValueId any() { return values_[static_cast<size_t>(random_.below(static_cast<int64_t>(values_.size())))]; }
  /// Mostly one of the last values, so that networks get deep.
  ValueId recent() {
    const auto count = static_cast<int64_t>(values_.size());
    return values_[static_cast<size_t>(count - 1 - random_.below(std::min<int64_t>(count, 3)))];
  }
  std::string name() { return fmt::format("n{}", graph_.nodes().size()); }
  ValueId constant(const Shape& shape) {
    const auto index = graph_.values().size();
    return graph_.add_constant(fmt::format("c{}", index), random_tensor({DataType::f32, shape}, random_));
  }
  void add(OpKind op, OpParams params, std::vector<ValueId> inputs, std::vector<std::string> outputs = {}) {
    const NodeId node = graph_.add_node(name(), op, std::move(params), std::move(inputs), std::move(outputs));
    values_.push_back(graph_.node(node).outputs[0]);
  }

  void add_node() {
    const ValueId x = recent();
    const Shape shape = graph_.desc(x).shape;
    if (shape.rank() != 4) {
      add_to_flat(x, shape);
      return;
    }
    switch (random_.below(10)) {
      case 0:
      case 1:
      case 2:
        add_conv(x, shape);
        break;
      case 3:
        add_pool(x, shape);
        break;
      case 4:
      case 5:
        add_unary(x);
        break;
      case 6:
        add_binary(x, shape);
        break;
      case 7:
        add_concat(x, shape);
        break;
      case 8:
        add(OpKind::batch_norm, BatchNormParams{},
            {x, constant({shape[1]}), constant({shape[1]}), constant({shape[1]}), positive({shape[1]})});
        break;
      default:
        if (random_.below(2) == 0) {
          add(OpKind::reshape, ReshapeParams{{shape[0], shape[1] * shape[2], shape[3], 1}}, {x});
        } else {
          add(OpKind::reshape, ReshapeParams{{shape[0], shape[1] * shape[2] * shape[3]}}, {x});
        }
    }
  }

  ValueId positive(const Shape& shape) {
    Tensor tensor({DataType::f32, shape});
    for (int64_t i = 0; i < shape.elements(); ++i) {
      tensor.data<float>()[i] = static_cast<float>(random_.uniform(0.5, 2));
    }
    return graph_.add_constant(fmt::format("c{}", graph_.values().size()), std::move(tensor));
  }

  void add_to_flat(ValueId x, const Shape& shape) {
    if (random_.below(2) == 0) {
      add(OpKind::gemm, GemmParams{}, {x, constant({shape[1], 6}), constant({6})});
    } else {
      add(OpKind::reshape, ReshapeParams{{shape[0], shape[1], 1, 1}}, {x});
    }
  }

  void add_conv(ValueId x, const Shape& shape) {
    const int64_t extent = random_.below(2) == 0 ? 1 : std::min<int64_t>({3, shape[2], shape[3]});
    const bool depthwise = random_.below(4) == 0;
    const int64_t channels = depthwise ? shape[1] : 1 + random_.below(20);
    ConvParams params;
    params.group = depthwise ? shape[1] : 1;
    if (extent == 3 && random_.below(2) == 0) params.pads_begin = params.pads_end = {1, 1};
    if (random_.below(3) == 0) params.stride = {2, 2};
    std::vector<ValueId> operands = {x, constant({channels, depthwise ? 1 : shape[1], extent, extent})};
    if (random_.below(3) != 0) operands.push_back(constant({channels}));
    add(OpKind::conv2d, params, std::move(operands));
    // What fusions are made of.
    if (random_.below(2) == 0) {
      const ValueId y = values_.back();
      for (const ValueId other : values_) {
        if (other == y || graph_.desc(other) != graph_.desc(y)) continue;
        add(OpKind::binary, BinaryParams{BinaryKind::add},
            random_.below(2) == 0 ? std::vector{y, other} : std::vector{other, y});
        break;
      }
    }
    if (random_.below(2) == 0) add(OpKind::unary, UnaryParams{UnaryKind::relu}, {values_.back()});
    const Shape& last = graph_.desc(values_.back()).shape;
    if (random_.below(3) == 0 && last[2] > 1 && last[3] > 1)
      add(OpKind::max_pool, PoolParams{.kernel = {2, 2}, .stride = {2, 2}}, {values_.back()});
  }

  void add_pool(ValueId x, const Shape& shape) {
    PoolParams params;
    const int64_t extent = std::min<int64_t>({2, shape[2], shape[3]});
    params.kernel = {extent, extent};
    if (random_.below(2) == 0) params.stride = {extent, extent};
    if (random_.below(2) == 0) {
      add(OpKind::average_pool, params, {x});
    } else if (random_.below(2) == 0) {
      add(OpKind::max_pool, params, {x});
    } else {
      add(OpKind::max_pool, params, {x}, {name() + "_y", name() + "_indices"});
    }
  }

  void add_unary(ValueId x) {
    constexpr UnaryParams kinds[] = {{UnaryKind::relu},
                                     {UnaryKind::leaky_relu, 0.1f},
                                     {UnaryKind::clip, -0.5f, 0.5f},
                                     {UnaryKind::sigmoid},
                                     {UnaryKind::tanh},
                                     {UnaryKind::abs}};
    add(OpKind::unary, kinds[random_.below(std::size(kinds))], {x});
  }

  void add_binary(ValueId x, const Shape& shape) {
    const BinaryKind kinds[] = {BinaryKind::add, BinaryKind::mul, BinaryKind::sub, BinaryKind::max};
    const BinaryParams params{kinds[random_.below(std::size(kinds))]};
    const ValueId other = any();
    if (graph_.desc(other) == graph_.desc(x)) {
      add(OpKind::binary, params, {x, other});
    } else if (random_.below(2) == 0) {
      add(OpKind::binary, params, {x, constant({shape[1], 1, 1})});
    } else {
      add(OpKind::binary, params, {constant(shape), x});
    }
  }

  void add_concat(ValueId x, const Shape& shape) {
    std::vector<ValueId> operands = {x};
    for (int i = 0; i < 3; ++i) {
      const ValueId other = any();
      if (graph_.desc(other).shape.rank() == 4 && graph_.desc(other).shape.with(1, shape[1]) == shape) {
        operands.push_back(other);
      }
    }
    if (random_.below(4) == 0) operands.push_back(constant(shape));
    add(OpKind::concat, ConcatParams{1}, std::move(operands));
  }

  void add_fusions() {
    const auto count = static_cast<NodeId>(graph_.nodes().size());
    for (NodeId first = 0; first < count; ++first) {
      const OpKind op = graph_.node(first).op;
      if (op != OpKind::conv2d && op != OpKind::gemm) continue;
      Fusion fusion{{first}};
      for (NodeId next = first + 1; next < count && next < first + 4; ++next) {
        fusion.nodes.push_back(next);
        try {
          graph_.add_fusion(fusion);
        } catch (const GraphError&) {
          break;
        }
      }
    }
  }

  void mark_outputs() {
    std::vector<ValueId> wanted;
    for (ValueId value = 0; value < static_cast<ValueId>(graph_.values().size()); ++value) {
      const bool inner =
          std::any_of(graph_.fusions().begin(), graph_.fusions().end(), [&](const Fusion& fusion) {
            const NodeId producer = graph_.value(value).producer;
            return std::find(fusion.nodes.begin(), fusion.nodes.end() - 1, producer) !=
                   fusion.nodes.end() - 1;
          });
      if (inner) continue;
      const bool end = graph_.consumers(value).empty() && graph_.value(value).producer != absent;
      // Any value may be an output: an input, a constant, one that others use; and one that ends may not be.
      if (random_.below(end ? 8 : 12) == 0 ? !end : end) wanted.push_back(value);
    }
    if (wanted.empty()) wanted.push_back(values_.back());
    if (random_.below(4) == 0) wanted.push_back(wanted.front());
    for (size_t i = 0; i < wanted.size(); ++i) graph_.mark_output(wanted[i], fmt::format("out{}", i));
  }

  Random& random_;
  Graph graph_;
  std::vector<ValueId> values_;  // those that a node may use
};

/// Chooses by the public interfaces only, apart from the code under test.
class PlanMaker {
 public:
  PlanMaker(const Graph& graph, const PrimitiveRegistry& registry, Random& random)
      : graph_(graph), registry_(registry), random_(random), existing_(graph.values().size()) {}

  Plan make() {
    plan_ = Plan::reference(graph_, registry_);
    plan_.strategy = "random";
    plan_.steps.clear();
    plan_.conversions.clear();
    for (const ValueId input : graph_.inputs()) exists(input).push_back(plain(input));
    choose_covers();
    for (NodeId node = 0; node < static_cast<NodeId>(graph_.nodes().size()); ++node) {
      if (covers_[static_cast<size_t>(node)].back() == node) add_step(covers_[static_cast<size_t>(node)]);
    }
    for (const Graph::Output& output : graph_.outputs()) {
      if (!graph_.is_constant(output.value)) want(output.value, plain(output.value));
    }
    return std::move(plan_);
  }

 private:
  std::vector<Interface>& exists(ValueId value) { return existing_[static_cast<size_t>(value)]; }
  Interface plain(ValueId value) const { return {{}, Layout::nchw, graph_.desc(value).type}; }

  void choose_covers() {
    for (NodeId node = 0; node < static_cast<NodeId>(graph_.nodes().size()); ++node)
      covers_.push_back({node});
    for (const Fusion& fusion : graph_.fusions()) {
      const bool free = std::all_of(fusion.nodes.begin(), fusion.nodes.end(), [&](NodeId node) {
        return covers_[static_cast<size_t>(node)].size() == 1;
      });
      if (!free || random_.below(3) == 0 || registry_.candidates(graph_.layer(fusion)).empty()) continue;
      for (const NodeId node : fusion.nodes) covers_[static_cast<size_t>(node)] = fusion.nodes;
    }
  }

  void add_step(const std::vector<NodeId>& nodes) {
    const bool fused = nodes.size() > 1;
    const LayerDesc layer = fused ? graph_.layer(Fusion{nodes}) : graph_.layer(nodes[0]);
    const Primitive& primitive = pick(layer);
    PlanStep step{.primitive = primitive.name(), .threads = static_cast<int>(random_.below(3))};
    for (const NodeId node : nodes) step.covers.push_back(graph_.node(node).name);
    const LayerLayouts layouts = primitive.layouts(layer);
    const std::vector<ValueId> operands =
        fused ? graph_.operands(Fusion{nodes}) : graph_.node(nodes[0]).inputs;
    for (size_t i = 0; i < operands.size(); ++i) {
      if (operands[i] == absent || graph_.is_constant(operands[i])) continue;
      want(operands[i], {{}, layouts.inputs[i], graph_.desc(operands[i]).type});
    }
    const Node& last = graph_.node(nodes.back());
    for (size_t slot = 0; slot < last.outputs.size(); ++slot) {
      exists(last.outputs[slot]).push_back({{}, layouts.outputs[slot], graph_.desc(last.outputs[slot]).type});
    }
    plan_.steps.push_back(std::move(step));
  }

  const Primitive& pick(const LayerDesc& layer) {
    const auto candidates = registry_.candidates(layer);
    if (candidates.empty()) throw Error("no candidate for " + layer.key());
    return *candidates[static_cast<size_t>(random_.below(static_cast<int64_t>(candidates.size())))];
  }

  void want(ValueId value, const Interface& interface) {
    auto& here = exists(value);
    if (std::find(here.begin(), here.end(), interface) != here.end()) return;
    const Interface from = here[static_cast<size_t>(random_.below(static_cast<int64_t>(here.size())))];
    const Interface detour{{}, all_layouts[random_.below(4)], interface.type};
    const bool through = random_.below(3) == 0 && exists_for(detour.layout, graph_.desc(value).shape) &&
                         detour != interface && std::find(here.begin(), here.end(), detour) == here.end();
    if (through) {
      convert(value, from, detour);
      convert(value, detour, interface);
    } else {
      convert(value, from, interface);
    }
  }

  void convert(ValueId value, const Interface& from, const Interface& to) {
    const Primitive& primitive = pick(LayerDesc::reorder(graph_.desc(value), from, to));
    plan_.conversions.push_back(
        {graph_.value(value).name, from, to, primitive.name(), 0, static_cast<int>(random_.below(3))});
    exists(value).push_back(to);
  }

  const Graph& graph_;
  const PrimitiveRegistry& registry_;
  Random& random_;
  Plan plan_;
  std::vector<std::vector<NodeId>> covers_;  // by node: all nodes of its step
  std::vector<std::vector<Interface>> existing_;
};

}  // namespace

Graph random_graph(Random& random) {
  return GraphMaker(random).make();
}

Plan random_plan(const Graph& graph, const PrimitiveRegistry& registry, Random& random) {
  return PlanMaker(graph, registry, random).make();
}

}  // namespace raceline::testing
