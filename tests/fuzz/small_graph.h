// The graph that the plans of the corpus are for: convolution, activation, residual add, pool, dense layer.
#pragma once
#include <span>
#include <string>
#include <vector>

#include "raceline/graph/graph.h"
#include "raceline/graph/passes/passes.h"

namespace raceline::fuzz {

inline Graph small_graph() {
  Graph graph;
  const auto weights = [&](const char* name, const Shape& shape) {
    const std::vector<float> ones(static_cast<size_t>(shape.elements()), 1.0f);
    return graph.add_constant(name, Tensor::of<float>(shape, ones));
  };
  const auto node = [&](const char* name, OpKind op, OpParams params, std::vector<ValueId> inputs) {
    return graph.node(graph.add_node(name, op, std::move(params), std::move(inputs))).outputs[0];
  };
  const ValueId image = graph.add_input("image", {DataType::f32, {1, 4, 6, 6}});
  ConvParams same;
  same.pads_begin = same.pads_end = {1, 1};
  const ValueId conv1 = node("conv1", OpKind::conv2d, same, {image, weights("w1", {4, 4, 3, 3})});
  const ValueId relu1 = node("relu1", OpKind::unary, UnaryParams{UnaryKind::relu}, {conv1});
  const ValueId conv2 = node("conv2", OpKind::conv2d, same, {relu1, weights("w2", {4, 4, 3, 3})});
  const ValueId sum = node("add", OpKind::binary, BinaryParams{BinaryKind::add}, {conv2, relu1});
  PoolParams halves;
  halves.kernel = halves.stride = {2, 2};
  const ValueId pooled = node("pool", OpKind::max_pool, halves, {sum});
  const ValueId flat = node("flat", OpKind::reshape, ReshapeParams{{1, 36}}, {pooled});
  graph.mark_output(node("softmax", OpKind::softmax, SoftmaxParams{1, 2}, {flat}), "prob");
  return run_passes(std::move(graph), {});
}

}  // namespace raceline::fuzz
