#include "raceline/predict/network.h"

#include <algorithm>

namespace raceline {
namespace {

bool takes_activation(OpKind op) {
  switch (op) {
    case OpKind::conv2d:
    case OpKind::conv3d:
    case OpKind::conv_transpose:
    case OpKind::gemm:
    case OpKind::max_pool:
    case OpKind::average_pool:
      return true;
    default:
      return false;
  }
}

/// The unary node that alone uses the result of this one; absent when there is none.
NodeId activation_after(const Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (!takes_activation(node.op) || node.outputs.size() != 1 || graph.is_output(node.outputs[0]))
    return absent;
  const auto users = graph.consumers(node.outputs[0]);
  return users.size() == 1 && graph.node(users[0]).op == OpKind::unary ? users[0] : absent;
}

std::optional<Prediction> predict_one(const Predictor& predictor, const LayerFacts& facts, Phase phase,
                                      double level) {
  return predictor.predict(std::span(&facts, 1), phase, level)[0];
}

}  // namespace

std::vector<NetworkLayer> network_layers(const Graph& graph) {
  std::vector<NetworkLayer> layers;
  std::vector<bool> taken(graph.nodes().size());
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (taken[static_cast<size_t>(id)]) continue;
    NetworkLayer each{.name = graph.node(id).name, .layer = graph.layer(id), .facts = {}};
    if (const NodeId next = activation_after(graph, id); next != absent) {
      taken[static_cast<size_t>(next)] = true;
      each.name += " + " + graph.node(next).name;
      const auto& unary = std::get<UnaryParams>(graph.node(next).params);
      each.layer = LayerDesc::make(each.layer.op, each.layer.params, each.layer.inputs,
                                   {EpilogueStep{.kind = EpilogueStep::Kind::unary, .unary = unary}});
    }
    each.facts = facts_of(each.layer);
    layers.push_back(std::move(each));
  }
  return layers;
}

NetworkPrediction predict_network(const std::vector<NetworkLayer>& layers, const Predictor& predictor,
                                  double level) {
  NetworkPrediction result;
  std::vector<LayerFacts> facts;
  for (const NetworkLayer& layer : layers) facts.push_back(layer.facts);
  const auto add = [&](const Prediction& prediction) {
    result.total_us += prediction.us;
    result.low_us += prediction.low_us;
    result.high_us += prediction.high_us;
    result.beyond_layers += prediction.beyond.empty() ? 0 : 1;
  };
  const auto predictions = predictor.predict(facts, Phase::exe, level);
  for (size_t index = 0; index < layers.size(); ++index) {
    result.layers.push_back({layers[index].name, facts[index], predictions[index]});
    result.flops += facts[index].flops;
    if (!predictions[index]) {
      ++result.unknown_layers;
      result.unknown_flops += facts[index].flops;
      continue;
    }
    result.exe_us += predictions[index]->us;
    add(*predictions[index]);
  }
  if (layers.empty()) return result;
  result.pre = predict_one(predictor, facts.front(), Phase::pre, level);
  result.post = predict_one(predictor, facts.back(), Phase::post, level);
  if (result.pre) add(*result.pre);
  if (result.post) add(*result.post);
  return result;
}

double epoch_us(double batch_us, int64_t samples, int64_t batch) {
  const int64_t batches = (samples + batch - 1) / batch;
  return batch_us * static_cast<double>(batches);
}

}  // namespace raceline
