#include "raceline/predict/network.h"

#include <set>

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

struct Fastest {
  std::optional<Prediction> prediction;
  std::string primitive;
};

bool is_better(const Prediction& a, const std::optional<Prediction>& b) {
  if (!b) return true;
  return a.beyond.empty() != b->beyond.empty() ? a.beyond.empty() : a.us < b->us;
}

/// Each layer by the fastest of the primitives that the predictor has models of.
std::vector<Fastest> fastest(const Predictor& predictor, std::span<const LayerFacts> layers, Phase phase,
                             double level) {
  std::set<std::string> primitives;
  for (const PredictorPart& part : predictor.parts) primitives.insert(part.primitive);
  std::vector<Fastest> best(layers.size());
  for (const std::string& primitive : primitives) {
    const auto predictions = predictor.predict(layers, phase, level, primitive);
    for (size_t index = 0; index < layers.size(); ++index) {
      if (predictions[index] && is_better(*predictions[index], best[index].prediction))
        best[index] = {predictions[index], primitive};
    }
  }
  return best;
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
  const std::vector<Fastest> predictions = fastest(predictor, facts, Phase::exe, level);
  for (size_t index = 0; index < layers.size(); ++index) {
    const std::optional<Prediction>& exe = predictions[index].prediction;
    result.layers.push_back({layers[index].name, facts[index], exe, predictions[index].primitive});
    result.flops += facts[index].flops;
    if (!exe) {
      ++result.unknown_layers;
      result.unknown_flops += facts[index].flops;
      continue;
    }
    result.exe_us += exe->us;
    result.exe_low_us += exe->low_us;
    result.exe_high_us += exe->high_us;
    result.beyond_layers += exe->beyond.empty() ? 0 : 1;
  }
  result.total_us = result.exe_us;
  result.low_us = result.exe_low_us;
  result.high_us = result.exe_high_us;
  if (layers.empty()) return result;
  result.pre = fastest(predictor, std::span(facts).first(1), Phase::pre, level)[0].prediction;
  result.post = fastest(predictor, std::span(facts).last(1), Phase::post, level)[0].prediction;
  for (const std::optional<Prediction>& each : {result.pre, result.post}) {
    if (!each) continue;
    result.total_us += each->us;
    result.low_us += each->low_us;
    result.high_us += each->high_us;
  }
  return result;
}

double epoch_us(double batch_us, int64_t samples, int64_t batch) {
  return batch_us * static_cast<double>(batches_of(samples, batch));
}

}  // namespace raceline
