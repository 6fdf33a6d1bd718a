#include "raceline/predict/network.h"

#include <algorithm>
#include <set>
#include <utility>

#include "raceline/dataset/splits.h"

namespace raceline {
namespace {

constexpr const char* batch_norm_type = "batch_norm";

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

/// The last layer of which nothing but this node uses the result. `layer_of` has the layer of each value that
/// is one's result, else -1.
int64_t layer_before(const Graph& graph, NodeId id, const std::vector<int64_t>& layer_of) {
  int64_t before = -1;
  for (const ValueId value : graph.node(id).inputs) {
    if (value == absent || graph.is_output(value) || graph.consumers(value).size() != 1) continue;
    before = std::max(before, layer_of[static_cast<size_t>(value)]);
  }
  return before;
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

/// The layers and the sum of their exe phases.
NetworkPrediction sum_of(const std::vector<NetworkLayer>& layers, std::span<const Fastest> predictions) {
  NetworkPrediction result;
  for (size_t index = 0; index < layers.size(); ++index) {
    const NetworkLayer& layer = layers[index];
    const std::optional<Prediction>& exe = predictions[index].prediction;
    result.layers.push_back({layer.name, layer.facts, exe, predictions[index].primitive});
    result.flops += layer.facts.flops;
    if (!exe) {
      ++result.unknown_layers;
      result.unknown_flops += layer.facts.flops;
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
  return result;
}

/// The total with these phases of the ends.
void add_ends(NetworkPrediction& result, std::optional<Prediction> pre, std::optional<Prediction> post) {
  for (const std::optional<Prediction>& each : {pre, post}) {
    if (!each) continue;
    result.total_us += each->us;
    result.low_us += each->low_us;
    result.high_us += each->high_us;
  }
  result.pre = std::move(pre);
  result.post = std::move(post);
}

bool has_batch_norm(const NetworkLayer& layer) {
  return layer.folds_batch_norm && layer.layer.outputs[0].shape.rank() >= 2;
}

/// The batch-norm that is folded into a layer which has one.
LayerFacts batch_norm_of(const NetworkLayer& layer) {
  const TensorDesc& images = layer.layer.outputs[0];
  const OperandDesc channels{.desc = {images.type, Shape{images.shape[1]}}, .constant = true};
  return facts_of(LayerDesc::make(OpKind::batch_norm, BatchNormParams{},
                                  {{.desc = images}, channels, channels, channels, channels}));
}

/// What a convolution was before a batch-norm was folded into it. Other layers as they are.
LayerDesc without_bias(LayerDesc layer) {
  constexpr size_t bias = 2;
  if (layer.op == OpKind::conv2d && layer.inputs.size() == bias + 1 && !layer.has_residual())
    layer.inputs.pop_back();
  return layer;
}

/// Few enough to be found by a dozen networks.
std::string kind_of(const std::string& type) {
  return type == "depthwise" || type == "grouped_conv" ? "depthwise" : std::string(family_of(type));
}

Prediction calibrated(const std::vector<NetworkLayer>& layers, const NetworkPrediction& sums,
                      const NetworkRule& rule, double level) {
  const double us = plausible_us(rule.composition.us(network_terms(layers, sums, rule.shares)));
  const double factor = rule.conformal.factor(level);
  return {.us = us, .low_us = us / factor, .high_us = us * factor, .beyond = {}};
}

}  // namespace

BatchNorms batch_norms(const Graph& graph) {
  BatchNorms found;
  for (const Node& node : graph.nodes()) {
    if (node.op != OpKind::batch_norm || graph.consumers(node.inputs[0]).size() != 1) continue;
    const NodeId before = graph.value(node.inputs[0]).producer;
    if (before != absent && !graph.is_output(node.inputs[0])) found[node.name] = graph.node(before).name;
  }
  return found;
}

std::vector<NetworkLayer> network_layers(const Graph& graph, const BatchNorms& written) {
  std::set<std::string> folding;
  for (const auto& [name, before] : written) {
    if (graph.find_node(name) == absent) folding.insert(before);
  }
  std::vector<NetworkLayer> layers;
  std::vector<bool> taken(graph.nodes().size());
  std::vector<int64_t> layer_of(graph.values().size(), -1);
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes().size()); ++id) {
    if (taken[static_cast<size_t>(id)]) continue;
    NetworkLayer each{.name = graph.node(id).name,
                      .layer = graph.layer(id),
                      .facts = {},
                      .after = {},
                      .folds_batch_norm = folding.contains(graph.node(id).name)};
    if (const int64_t before = layer_before(graph, id, layer_of); before >= 0)
      each.after = layers[static_cast<size_t>(before)].facts.type;
    NodeId end = id;
    if (const NodeId next = activation_after(graph, id); next != absent) {
      taken[static_cast<size_t>(next)] = true;
      end = next;
      each.name += " + " + graph.node(next).name;
      const auto& unary = std::get<UnaryParams>(graph.node(next).params);
      each.layer = LayerDesc::make(each.layer.op, each.layer.params, each.layer.inputs,
                                   {EpilogueStep{.kind = EpilogueStep::Kind::unary, .unary = unary}});
    }
    each.facts = facts_of(each.layer);
    for (const ValueId result : graph.node(end).outputs)
      layer_of[static_cast<size_t>(result)] = static_cast<int64_t>(layers.size());
    layers.push_back(std::move(each));
  }
  return layers;
}

std::vector<std::string> NetworkPrediction::unknown_types() const {
  std::set<std::string> types;
  for (const Row& row : layers) {
    if (!row.exe) types.insert(row.facts.type);
  }
  return {types.begin(), types.end()};
}

NetworkTerms network_terms(std::span<const NetworkLayer> layers, const NetworkPrediction& prediction,
                           const PairShares& shares) {
  NetworkTerms terms;
  terms.layers = static_cast<double>(layers.size());
  for (const std::optional<Prediction>& each : {prediction.pre, prediction.post}) {
    if (each) terms.ends_us += each->us;
  }
  for (size_t index = 0; index < layers.size(); ++index) {
    const std::optional<Prediction>& exe = prediction.layers[index].exe;
    const LayerFacts& facts = layers[index].facts;
    const double share = shares.share(layers[index].after, facts.type);
    terms.weights_mb += facts.weight_bytes * 1e-6;
    terms.tensors_mb += share * (facts.in_bytes + facts.out_bytes) * 1e-6;
    if (exe) terms.exe_us[kind_of(facts.type)] += exe->us * share;
    if (!has_batch_norm(layers[index]) || !shares.knows(facts.type, batch_norm_type)) continue;
    const LayerFacts batch_norm = batch_norm_of(layers[index]);
    const double left = shares.share(facts.type, batch_norm_type);
    terms.tensors_mb += left * (batch_norm.in_bytes + batch_norm.out_bytes) * 1e-6;
    if (const auto& alone = prediction.layers[index].batch_norm)
      terms.exe_us[kind_of(batch_norm_type)] += alone->us * left;
  }
  return terms;
}

NetworkPrediction predict_network(const std::vector<NetworkLayer>& layers, const Predictor& predictor,
                                  double level) {
  return std::move(predict_networks({&layers, 1}, predictor, level).front());
}

std::vector<NetworkPrediction> predict_networks(std::span<const std::vector<NetworkLayer>> networks,
                                                const Predictor& predictor, double level) {
  std::vector<LayerFacts> all, first, last, folded;
  for (const std::vector<NetworkLayer>& layers : networks) {
    for (const NetworkLayer& layer : layers) {
      all.push_back(layer.facts);
      if (has_batch_norm(layer)) folded.push_back(batch_norm_of(layer));
    }
    if (layers.empty()) continue;
    first.push_back(layers.front().facts);
    last.push_back(layers.back().facts);
  }
  const std::vector<Fastest> exe = fastest(predictor, all, Phase::exe, level);
  const std::vector<Fastest> pre = fastest(predictor, first, Phase::pre, level);
  const std::vector<Fastest> post = fastest(predictor, last, Phase::post, level);
  std::vector<Fastest> norms = fastest(predictor, folded, Phase::exe, level);
  std::vector<NetworkPrediction> results;
  size_t layer = 0, end = 0, batch_norm = 0;  // of the network that comes next
  for (const std::vector<NetworkLayer>& layers : networks) {
    NetworkPrediction& result =
        results.emplace_back(sum_of(layers, std::span(exe).subspan(layer, layers.size())));
    layer += layers.size();
    for (size_t index = 0; index < layers.size(); ++index) {
      if (has_batch_norm(layers[index]))
        result.layers[index].batch_norm = std::move(norms[batch_norm++].prediction);
    }
    if (layers.empty()) continue;
    add_ends(result, pre[end].prediction, post[end].prediction);
    ++end;
    if (predictor.networks) result.calibrated = calibrated(layers, result, *predictor.networks, level);
  }
  return results;
}

OracleSum oracle_sum(const std::vector<NetworkLayer>& layers, const std::map<std::string, Phases>& measured) {
  OracleSum sum;
  const auto find = [&](const NetworkLayer& layer) -> std::optional<Phases> {
    const std::string key = layer.layer.key();
    auto found = measured.find(key);
    if (found == measured.end()) found = measured.find(bare_key(key));
    if (found == measured.end()) found = measured.find(bare_key(without_bias(layer.layer).key()));
    return found == measured.end() ? std::nullopt : std::optional(found->second);
  };
  for (const NetworkLayer& layer : layers) {
    ++sum.layers;
    sum.flops += layer.facts.flops;
    const std::optional<Phases> phases = find(layer);
    if (&layer == &layers.front()) sum.first = phases;
    if (&layer == &layers.back()) sum.last = phases;
    if (!phases) continue;
    ++sum.measured;
    sum.measured_flops += layer.facts.flops;
    sum.us += phases->exe_us;
  }
  if (sum.first) sum.us += sum.first->pre_us;
  if (sum.last) sum.us += sum.last->post_us;
  return sum;
}

double epoch_us(double batch_us, int64_t samples, int64_t batch) {
  return batch_us * static_cast<double>(batches_of(samples, batch));
}

}  // namespace raceline
