// A small graph, a registry and a device for the tests of sessions.
#pragma once
#include <string>
#include <vector>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/runtime/support.h"

namespace raceline::testing {

inline const Shape image{1, 5, 4, 4};
inline const TensorDesc image_desc{DataType::f32, image};

inline std::span<const Tensor> one(const Tensor& tensor) {
  return {&tensor, 1};
}

class SessionTest : public ::testing::Test {
 protected:
  Tensor ramp(const TensorDesc& desc) {
    Tensor tensor(desc);
    for (int64_t i = 0; i < desc.stored_elements(); ++i) tensor.data<float>()[i] = static_cast<float>(i) - 20;
    return tensor;
  }
  ValueId unary(ValueId x, UnaryKind kind = UnaryKind::neg) {
    const std::string name = fmt::format("u{}", graph_.nodes().size());
    return graph_.node(graph_.add_node(name, OpKind::unary, UnaryParams{kind}, {x})).outputs[0];
  }
  ValueId add(ValueId a, ValueId b) {
    const std::string name = fmt::format("b{}", graph_.nodes().size());
    return graph_.node(graph_.add_node(name, OpKind::binary, BinaryParams{BinaryKind::add}, {a, b}))
        .outputs[0];
  }
  ValueId flatten(ValueId x) {
    const std::string name = fmt::format("r{}", graph_.nodes().size());
    const ReshapeParams params{{1, graph_.desc(x).shape.elements()}};
    return graph_.node(graph_.add_node(name, OpKind::reshape, params, {x})).outputs[0];
  }
  /// Steps by the first primitive that can.
  Plan first_candidates() {
    Plan plan;
    plan.graph_key = graph_.key();
    for (NodeId node = 0; node < static_cast<NodeId>(graph_.nodes().size()); ++node) {
      const auto candidates = registry_.candidates(graph_.layer(node));
      plan.steps.push_back({.covers = {graph_.node(node).name}, .primitive = candidates.at(0)->name()});
    }
    return plan;
  }
  void add_negation(Sharing sharing, Layout layout = Layout::nchw) {
    add_test_primitive(registry_, {.op = OpKind::unary,
                                   .algorithm = layout == Layout::nchw ? "neg" : "other",
                                   .input = layout,
                                   .output = layout,
                                   .sharing = sharing,
                                   .run = elementwise([](float x) { return -x; })});
  }
  void add_view() {
    add_test_primitive(registry_,
                       {.op = OpKind::reshape, .sharing = Sharing::view, .run = [](const KernelArgs&) {
                          return Status::failed("a view was computed");
                        }});
  }

  Graph graph_;
  PrimitiveRegistry registry_;
  DirtyDevice device_;
};

}  // namespace raceline::testing
