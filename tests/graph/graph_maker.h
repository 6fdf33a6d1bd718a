// Shorthand for building graphs in tests: every call gives the value it makes.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "tests/graph/stand_in.h"

namespace raceline::test {

class GraphMaker {
 public:
  explicit GraphMaker(uint64_t seed = 5) : random_(seed) {}

  ValueId input(const std::string& name, const Shape& shape) {
    return graph_.add_input(name, {DataType::f32, shape});
  }
  ValueId constant(const std::string& name, const Shape& shape, double least = -1) {
    return graph_.add_constant(name, random_tensor(shape, random_, least));
  }
  /// The first output, which is called as the node with ".y" behind.
  ValueId node(const std::string& name, OpKind op, OpParams params, std::vector<ValueId> inputs) {
    const NodeId id = graph_.add_node(name, op, std::move(params), std::move(inputs), {name + ".y"});
    return graph_.node(id).outputs[0];
  }
  /// Operands are given in braces, which are evaluated in order: so values are numbered alike everywhere.
  ValueId conv(const std::string& name, std::vector<ValueId> operands, ConvParams params = {}) {
    return node(name, OpKind::conv2d, std::move(params), std::move(operands));
  }
  /// A 3x3 convolution that keeps the image's size, with weights of its own.
  ValueId conv3x3(const std::string& name, ValueId x, int64_t channels) {
    const int64_t from = graph_.desc(x).shape[1];
    return conv(name, {x, constant(name + ".w", {channels, from, 3, 3})},
                {.pads_begin = {1, 1}, .pads_end = {1, 1}});
  }
  ValueId batch_norm(const std::string& name, ValueId x) {
    const Shape channels{graph_.desc(x).shape[1]};
    const ValueId scale = constant(name + ".scale", channels);
    const ValueId bias = constant(name + ".bias", channels);
    const ValueId mean = constant(name + ".mean", channels);
    return node(name, OpKind::batch_norm, BatchNormParams{},
                {x, scale, bias, mean, constant(name + ".var", channels, 0.1)});
  }
  ValueId add(const std::string& name, std::vector<ValueId> operands) {
    return node(name, OpKind::binary, BinaryParams{BinaryKind::add}, std::move(operands));
  }
  ValueId unary(const std::string& name, UnaryKind kind, ValueId x, float alpha = 0, float beta = 0) {
    return node(name, OpKind::unary, UnaryParams{kind, alpha, beta}, {x});
  }
  ValueId relu(const std::string& name, ValueId x) { return unary(name, UnaryKind::relu, x); }
  void output(ValueId value, const std::string& name = "y") { graph_.mark_output(value, name); }
  Graph& graph() { return graph_; }
  Random& random() { return random_; }
  Graph take() { return std::move(graph_); }

 private:
  Graph graph_;
  Random random_;
};

}  // namespace raceline::test
