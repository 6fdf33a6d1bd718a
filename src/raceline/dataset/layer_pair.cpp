#include "raceline/dataset/layer_pair.h"

#include <array>
#include <optional>
#include <set>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"
#include "raceline/dataset/layer_draws.h"
#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

constexpr std::string_view between_keys = " then ";
constexpr std::array<PairKind, 22> kinds{{{"conv", "add"},
                                          {"conv", "mul"},
                                          {"conv", "batch_norm"},
                                          {"conv", "prelu"},
                                          {"conv", "max_pool"},
                                          {"conv", "global_pool"},
                                          {"conv", "lrn"},
                                          {"conv", "concat"},
                                          {"conv", "conv"},
                                          {"conv", "depthwise"},
                                          {"depthwise", "conv"},
                                          {"depthwise", "prelu"},
                                          {"add", "activation"},
                                          {"add", "conv"},
                                          {"max_pool", "conv"},
                                          {"max_pool", "lrn"},
                                          {"lrn", "max_pool"},
                                          {"dense", "dense"},
                                          {"dense", "softmax"},
                                          {"depthwise", "batch_norm"},
                                          {"batch_norm", "activation"},
                                          {"activation", "mul"}}};

/// Whether the second operand is the result of the first layer, as it stands.
bool fits(const LayerDesc& first, const LayerDesc& second) {
  return first.outputs.size() == 1 && !second.inputs.empty() && !second.inputs[0].constant &&
         second.inputs[0].desc == first.outputs[0];
}

/// What is added or scaled is a sum of products: an activation would stand behind it.
bool wants_plain(std::string_view second) {
  return second == "add" || second == "mul" || second == "batch_norm" || second == "prelu";
}

LayerDesc unary(UnaryKind kind, const Shape& shape) {
  return LayerDesc::make(OpKind::unary, UnaryParams{kind}, {{.desc = {DataType::f32, shape}}});
}

std::optional<LayerDesc> follower(const PairKind& kind, const Shape& shape, Random& random) {
  const std::string_view type = kind.second;
  // As it is in most networks.
  if (kind.first == "batch_norm" && type == "activation") return unary(UnaryKind::relu, shape);
  if (kind.first == "activation" && type == "mul") {
    const OperandDesc x{.desc = {DataType::f32, shape}};
    return LayerDesc::make(OpKind::binary, BinaryParams{BinaryKind::mul}, {x, x});
  }
  if (shape.rank() == 2) {
    if (type == "softmax") {
      return LayerDesc::make(OpKind::softmax, SoftmaxParams{.first_axis = 1, .end_axis = 2},
                             {{.desc = {DataType::f32, shape}}});
    }
    DenseLayer d{.batch = shape[0], .inputs = shape[1], .outputs = log_between(random, 10, 4096)};
    d.relu = chance(random, 0.5);
    d.bias = true;
    return dense_layer(d);
  }
  const Image image{shape[0], shape[1], shape[2], shape[3]};
  WindowLayer w{.image = image, .outputs = image.channels, .same = true};
  const bool is_conv = type == "conv", is_pool = type == "max_pool";
  if (is_conv || is_pool || type == "depthwise") {
    w.kernel_h = w.kernel_w = is_conv && chance(random, 0.5) ? 1 : 3;
    w.stride_h = w.stride_w = is_pool || chance(random, 0.25) ? 2 : 1;
    if (is_conv) w.outputs = jitter(random, image.channels, 4);
    w.relu = w.bias = !is_pool;
    return window_layer(type, w);
  }
  return image_layer(type, image, random);
}

LayerDesc without_epilogue(const LayerDesc& layer) {
  std::vector<OperandDesc> operands = layer.inputs;
  if (layer.has_residual()) operands.pop_back();
  return LayerDesc::make(layer.op, layer.params, std::move(operands));
}

}  // namespace

std::string LayerPair::name() const {
  return fmt::format("{}{}{}{}", pair_prefix, first.key(), between_keys, second.key());
}

bool LayerPair::is_gate() const {
  const auto* binary = std::get_if<BinaryParams>(&second.params);
  return first.op == OpKind::unary && binary != nullptr && binary->kind == BinaryKind::mul &&
         second.inputs.size() == 2 && !first.inputs[0].constant && second.inputs[1] == first.inputs[0];
}

LayerPair LayerPair::parse(std::string_view name) {
  constexpr size_t shown = 120;
  const size_t begin = pair_prefix.size(), between = name.find(between_keys);
  if (!is_pair(name) || between == std::string_view::npos || between < begin)
    throw ParseError(
        fmt::format("'{}' is no pair of layers; wanted 'pair LAYER then LAYER'", name.substr(0, shown)));
  LayerPair pair{LayerDesc::parse(name.substr(begin, between - begin)),
                 LayerDesc::parse(name.substr(between + between_keys.size()))};
  if (!fits(pair.first, pair.second)) {
    throw ParseError(fmt::format("pair of '{}' and '{}': the second does not take the result of the first",
                                 pair.first.key().substr(0, shown), pair.second.key().substr(0, shown)));
  }
  return pair;
}

std::span<const PairKind> pair_kinds() {
  return kinds;
}

std::vector<LayerPair> sample_pairs(const PairKind& kind, size_t count, std::span<const PriorLayer> prior,
                                    const SampleOptions& options, SampleReport& report) {
  SampleOptions own = options;
  own.seed = hash_text(fmt::format("pair {} {}", kind.first, kind.second), options.seed);
  Random random(own.seed);
  std::vector<LayerPair> pairs;
  std::set<std::string> seen;
  for (const SampledLayer& each : sample_layers(Space::raceline, kind.first, count, prior, own, report)) {
    LayerDesc first = wants_plain(kind.second) ? without_epilogue(each.layer) : each.layer;
    if (kind.first == "activation") first = unary(UnaryKind::sigmoid, first.outputs[0].shape);
    const std::optional<LayerDesc> second = follower(kind, first.outputs[0].shape, random);
    if (!second || layer_type(*second) != kind.second || !fits(first, *second)) {
      ++report.impossible;
    } else if (!admits(*second, own, report)) {
      continue;
    } else if (LayerPair pair{first, *second}; seen.insert(pair.name()).second) {
      pairs.push_back(std::move(pair));
    } else {
      ++report.duplicates;
    }
  }
  return pairs;
}

}  // namespace raceline
