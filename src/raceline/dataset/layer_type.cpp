#include "raceline/dataset/layer_type.h"

#include <fmt/format.h>

#include "raceline/base/text.h"
#include "raceline/dataset/layer_pair.h"

namespace raceline {
namespace {

std::string type_of_conv(const LayerDesc& layer) {
  const int64_t group = layer.as<ConvParams>().group;
  if (group == 1) return layer.op == OpKind::conv3d ? "conv3d" : "conv";
  const int64_t channels = layer.inputs[0].desc.shape[1];
  return group == channels ? "depthwise" : "grouped_conv";
}

std::string type_of_pool(const LayerDesc& layer) {
  const auto& p = layer.as<PoolParams>();
  const auto dims = layer.inputs[0].desc.shape.dims();
  const std::vector<int64_t> image(dims.begin() + 2, dims.end());
  if (image == p.kernel && layer.outputs[0].shape.elements(2, layer.outputs[0].shape.rank()) == 1) {
    return "global_pool";
  }
  return std::string(to_string(layer.op));
}

}  // namespace

std::string layer_type(const LayerDesc& layer) {
  switch (layer.op) {
    case OpKind::conv2d:
    case OpKind::conv3d:
      return type_of_conv(layer);
    case OpKind::max_pool:
    case OpKind::average_pool:
      return type_of_pool(layer);
    case OpKind::gemm:
      return layer.inputs[1].constant ? "dense" : "gemm";
    case OpKind::unary:
      return "activation";
    case OpKind::binary:
      return std::string(to_string(layer.as<BinaryParams>().kind));
    default:
      return std::string(to_string(layer.op));
  }
}

std::string type_of_name(std::string_view name) {
  if (is_model(name)) return "model";
  if (is_pair(name)) {
    LayerPair::parse(name);  // is refused if it is none
    return "pair";
  }
  return layer_type(LayerDesc::parse(name));
}

std::string model_name(std::string_view net, int64_t batch) {
  return fmt::format("model {} batch={}", net, batch);
}

bool is_model(std::string_view name) {
  return starts_with(name, "model ");
}

bool is_pair(std::string_view name) {
  return starts_with(name, pair_prefix);
}

bool is_layer(std::string_view name) {
  return !is_model(name) && !is_pair(name);
}

}  // namespace raceline
