#include "raceline/dataset/layer_nodes.h"

#include <utility>

#include <fmt/format.h>

namespace raceline {
namespace {

using Integers = std::vector<int64_t>;

NodeText refuse(std::string why) {
  NodeText node;
  node.why = std::move(why);
  return node;
}

Integers joined(const Integers& begin, const Integers& end) {
  Integers all = begin;
  all.insert(all.end(), end.begin(), end.end());
  return all;
}

bool all_are(const Integers& values, int64_t wanted) {
  for (const int64_t value : values) {
    if (value != wanted) return false;
  }
  return true;
}

NodeText convolution(const LayerDesc& layer) {
  const auto& p = layer.as<ConvParams>();
  const auto dims = layer.inputs[1].desc.shape.dims();
  return {"Conv",
          {{"kernel_shape", Integers(dims.begin() + 2, dims.end())},
           {"strides", p.stride},
           {"dilations", p.dilation},
           {"pads", joined(p.pads_begin, p.pads_end)},
           {"group", p.group}}};
}

NodeText transposed_convolution(const LayerDesc& layer) {
  const auto& p = layer.as<ConvTransposeParams>();
  const auto dims = layer.inputs[1].desc.shape.dims();
  return {"ConvTranspose",
          {{"kernel_shape", Integers(dims.begin() + 2, dims.end())},
           {"strides", p.stride},
           {"dilations", p.dilation},
           {"pads", joined(p.pads_begin, p.pads_end)},
           {"output_padding", p.output_padding},
           {"group", p.group}}};
}

NodeText pool(const LayerDesc& layer) {
  const auto& p = layer.as<PoolParams>();
  const bool is_max = layer.op == OpKind::max_pool;
  const auto dims = layer.inputs[0].desc.shape.dims();
  if (layer.outputs.size() > 1) return refuse("pooling with indices is not measured");
  const bool plain = all_are(p.pads_begin, 0) && all_are(p.pads_end, 0) && all_are(p.dilation, 1);
  if (plain && Integers(dims.begin() + 2, dims.end()) == p.kernel) {
    return {is_max ? "GlobalMaxPool" : "GlobalAveragePool", {}};
  }
  NodeText node{is_max ? "MaxPool" : "AveragePool",
                {{"kernel_shape", p.kernel},
                 {"strides", p.stride},
                 {"pads", joined(p.pads_begin, p.pads_end)},
                 {"ceil_mode", int64_t{p.ceil_mode}}}};
  if (is_max) {
    node.attributes.push_back({"dilations", p.dilation});
  } else if (all_are(p.dilation, 1)) {
    node.attributes.push_back({"count_include_pad", int64_t{p.count_include_pad}});
  } else {
    return refuse("average pooling with dilation came with opset 19");
  }
  return node;
}

NodeText softmax(const LayerDesc& layer) {
  const auto& p = layer.as<SoftmaxParams>();
  if (p.end_axis != p.first_axis + 1) return refuse("softmax over several axes ended with opset 13");
  return {p.log ? "LogSoftmax" : "Softmax", {{"axis", p.first_axis}}};
}

NodeText unary(const UnaryParams& p) {
  switch (p.kind) {
    case UnaryKind::relu:
      return {"Relu", {}};
    case UnaryKind::leaky_relu:
      return {"LeakyRelu", {{"alpha", p.alpha}}};
    case UnaryKind::clip:
      return {.op = "Clip", .floats = {p.alpha, p.beta}};
    case UnaryKind::sigmoid:
      return {"Sigmoid", {}};
    case UnaryKind::hard_sigmoid:
      return {"HardSigmoid", {{"alpha", p.alpha}, {"beta", p.beta}}};
    case UnaryKind::tanh:
      return {"Tanh", {}};
    case UnaryKind::elu:
      return {"Elu", {{"alpha", p.alpha}}};
    case UnaryKind::selu:
      return {"Selu", {{"alpha", p.alpha}, {"gamma", p.beta}}};
    case UnaryKind::softplus:
      return {"Softplus", {}};
    case UnaryKind::softsign:
      return {"Softsign", {}};
    case UnaryKind::exp:
      return {"Exp", {}};
    case UnaryKind::log:
      return {"Log", {}};
    case UnaryKind::sqrt:
      return {"Sqrt", {}};
    case UnaryKind::abs:
      return {"Abs", {}};
    case UnaryKind::neg:
      return {"Neg", {}};
    case UnaryKind::floor:
      return {"Floor", {}};
    case UnaryKind::ceil:
      return {"Ceil", {}};
    case UnaryKind::reciprocal:
      return {"Reciprocal", {}};
    case UnaryKind::erf:
      return {"Erf", {}};
    default:
      return refuse(fmt::format("'{}' is not written", to_string(p.kind)));
  }
}

NodeText binary(const BinaryParams& p) {
  switch (p.kind) {
    case BinaryKind::add:
      return {"Add", {}};
    case BinaryKind::sub:
      return {"Sub", {}};
    case BinaryKind::mul:
      return {"Mul", {}};
    case BinaryKind::div:
      return {"Div", {}};
    case BinaryKind::max:
      return {"Max", {}};
    case BinaryKind::min:
      return {"Min", {}};
    case BinaryKind::pow:
      return {"Pow", {}};
    case BinaryKind::prelu:
      return {"PRelu", {}};
    default:
      return refuse(fmt::format("'{}' is not written", to_string(p.kind)));
  }
}

NodeText reduction(const LayerDesc& layer) {
  const auto& p = layer.as<ReduceParams>();
  NodeText node{"", {{"keepdims", int64_t{p.keep_dims}}}};
  switch (p.kind) {
    case ReduceKind::mean:
      node.op = "ReduceMean";
      break;
    case ReduceKind::max:
      node.op = "ReduceMax";
      break;
    case ReduceKind::min:
      node.op = "ReduceMin";
      break;
    case ReduceKind::sum:
      node.op = "ReduceSum";
      break;
    default:
      return refuse(fmt::format("'{}' is not written", to_string(p.kind)));
  }
  if (p.axes.empty()) return node;
  if (p.kind == ReduceKind::sum) {
    node.integers.push_back(p.axes);  // the first to take them as an operand
  } else {
    node.attributes.push_back({"axes", p.axes});
  }
  return node;
}

NodeText slice(const LayerDesc& layer) {
  const auto& p = layer.as<SliceParams>();
  Integers ends, axes;
  for (size_t axis = 0; axis < p.start.size(); ++axis) {
    if (p.step[axis] < 0) return refuse("slices against the order are not measured");
    ends.push_back(p.start[axis] + p.size[axis] * p.step[axis]);
    axes.push_back(static_cast<int64_t>(axis));
  }
  return {.op = "Slice", .integers = {p.start, ends, axes, p.step}};
}

NodeText padding(const LayerDesc& layer) {
  const auto& p = layer.as<PadParams>();
  if (p.mode == PadMode::wrap) return refuse("wrapping came with opset 19");
  NodeText node{.op = "Pad",
                .attributes = {{"mode", std::string(to_string(p.mode))}},
                .integers = {joined(p.begin, p.end)}};
  if (p.mode == PadMode::constant) node.floats = {static_cast<float>(p.value)};
  return node;
}

NodeText resizing(const LayerDesc& layer) {
  const auto& p = layer.as<ResizeParams>();
  std::string place;
  switch (p.place) {
    case ResizePlace::half_pixel:
      place = "half_pixel";
      break;
    case ResizePlace::pytorch_half_pixel:
      place = "pytorch_half_pixel";
      break;
    case ResizePlace::align_corners:
      place = "align_corners";
      break;
    case ResizePlace::asymmetric:
      place = "asymmetric";
      break;
    default:
      return refuse("this way of resizing is not measured");
  }
  if (p.rounding == NearestRounding::simple || p.antialias)
    return refuse("this way of resizing is not measured");
  NodeText node{.op = "Resize",
                .attributes = {{"mode", std::string(to_string(p.mode))},
                               {"coordinate_transformation_mode", place},
                               {"nearest_mode", std::string(to_string(p.rounding))}}};
  node.integers = {p.sizes};
  node.skip_one = true;  // roi and scales stand before the sizes, and are not given
  return node;
}

NodeText node_of(const LayerDesc& layer) {
  switch (layer.op) {
    case OpKind::conv2d:
    case OpKind::conv3d:
      return convolution(layer);
    case OpKind::conv_transpose:
      return transposed_convolution(layer);
    case OpKind::max_pool:
    case OpKind::average_pool:
      return pool(layer);
    case OpKind::gemm: {
      const auto& p = layer.as<GemmParams>();
      return {"Gemm",
              {{"alpha", p.alpha},
               {"beta", p.beta},
               {"transA", int64_t{p.trans_a}},
               {"transB", int64_t{p.trans_b}}}};
    }
    case OpKind::matmul:
      return {"MatMul", {}};
    case OpKind::batch_norm:
      return {"BatchNormalization", {{"epsilon", layer.as<BatchNormParams>().epsilon}}};
    case OpKind::lrn: {
      const auto& p = layer.as<LrnParams>();
      return {"LRN", {{"size", p.size}, {"alpha", p.alpha}, {"beta", p.beta}, {"bias", p.bias}}};
    }
    case OpKind::softmax:
      return softmax(layer);
    case OpKind::unary:
      return unary(layer.as<UnaryParams>());
    case OpKind::binary:
      return binary(layer.as<BinaryParams>());
    case OpKind::concat:
      return {"Concat", {{"axis", layer.as<ConcatParams>().axis}}};
    case OpKind::reshape:
      return {.op = "Reshape", .integers = {layer.as<ReshapeParams>().dims}};
    case OpKind::transpose:
      return {"Transpose", {{"perm", layer.as<TransposeParams>().perm}}};
    case OpKind::identity:
      return {"Identity", {}};
    case OpKind::slice:
      return slice(layer);
    case OpKind::pad:
      return padding(layer);
    case OpKind::reduce:
      return reduction(layer);
    case OpKind::resize:
      return resizing(layer);
    default:
      return refuse(fmt::format("'{}' is not measured by itself", to_string(layer.op)));
  }
}

}  // namespace

std::vector<NodeText> nodes_of(const LayerDesc& layer) {
  std::vector<NodeText> nodes{node_of(layer)};
  for (const EpilogueStep& step : layer.epilogue) {
    nodes.push_back(step.kind == EpilogueStep::Kind::add ? NodeText{"Add", {}} : unary(step.unary));
  }
  return nodes;
}

}  // namespace raceline
