#include "raceline/predict/layer_facts.h"

#include <algorithm>
#include <array>

#include "raceline/dataset/layer_type.h"

namespace raceline {
namespace {

double extent(const Shape& shape, int axis) {
  return axis < shape.rank() ? static_cast<double>(shape[axis]) : 1;
}

/// Height and width of spatial axes [first, rank): the last is the width, all others the height.
std::array<double, 2> image_of(const Shape& shape, int first) {
  if (shape.rank() <= first) return {1, 1};
  return {static_cast<double>(shape.elements(first, shape.rank() - 1)),
          static_cast<double>(shape[shape.rank() - 1])};
}

std::array<double, 2> folded(const std::vector<int64_t>& values) {
  std::array<double, 2> two{1, 1};
  if (values.empty()) return two;
  for (size_t axis = 0; axis + 1 < values.size(); ++axis) two[0] *= static_cast<double>(values[axis]);
  two[1] = static_cast<double>(values.back());
  return two;
}

bool any_positive(const std::vector<int64_t>& values) {
  return std::any_of(values.begin(), values.end(), [](int64_t value) { return value > 0; });
}

double code_of(UnaryKind kind) {
  switch (kind) {
    case UnaryKind::relu:
    case UnaryKind::leaky_relu:
    case UnaryKind::clip:
    case UnaryKind::abs:
    case UnaryKind::neg:
    case UnaryKind::thresholded_relu:
      return 1;
    case UnaryKind::tanh:
      return 2;
    case UnaryKind::sigmoid:
      return 3;
    default:
      return 4;
  }
}

template <class Params>
void window_facts(const Params& p, LayerFacts& facts) {
  const auto [stride_h, stride_w] = folded(p.stride);
  facts.stride_h = stride_h;
  facts.stride_w = stride_w;
  facts.padding = any_positive(p.pads_begin) || any_positive(p.pads_end) ? 1 : 0;
  for (const int64_t dilation : p.dilation)
    facts.dilation = std::max(facts.dilation, static_cast<double>(dilation));
}

void conv_facts(const LayerDesc& layer, LayerFacts& facts) {
  const Shape& weights = layer.inputs[1].desc.shape;
  const auto [kernel_h, kernel_w] = image_of(weights, 2);
  facts.kernel_h = kernel_h;
  facts.kernel_w = kernel_w;
  if (layer.op == OpKind::conv_transpose) {
    const auto& p = layer.as<ConvTransposeParams>();
    window_facts(p, facts);
    facts.group = static_cast<double>(p.group);
    facts.m = facts.batch * facts.in_h * facts.in_w;
    facts.n = extent(weights, 1) * kernel_h * kernel_w;
    facts.k = facts.channels_in / facts.group;
  } else {
    const auto& p = layer.as<ConvParams>();
    window_facts(p, facts);
    facts.group = static_cast<double>(p.group);
    facts.m = facts.batch * facts.out_h * facts.out_w;
    facts.n = facts.channels_out / facts.group;
    facts.k = extent(weights, 1) * kernel_h * kernel_w;
  }
}

void pool_facts(const LayerDesc& layer, LayerFacts& facts) {
  const auto& p = layer.as<PoolParams>();
  window_facts(p, facts);
  const auto [kernel_h, kernel_w] = folded(p.kernel);
  facts.kernel_h = kernel_h;
  facts.kernel_w = kernel_w;
  facts.m = facts.batch * facts.channels_out * facts.out_h * facts.out_w;
  facts.k = kernel_h * kernel_w;
}

void gemm_facts(const LayerDesc& layer, LayerFacts& facts) {
  const bool trans_a = layer.as<GemmParams>().trans_a;
  const Shape& a = layer.inputs[0].desc.shape;
  facts.m = extent(a, trans_a ? 1 : 0);
  facts.k = extent(a, trans_a ? 0 : 1);
  facts.n = extent(layer.outputs[0].shape, 1);
}

void matmul_facts(const LayerDesc& layer, LayerFacts& facts) {
  const Shape& a = layer.inputs[0].desc.shape;
  const Shape& b = layer.inputs[1].desc.shape;
  facts.k = a.rank() > 0 ? static_cast<double>(a[a.rank() - 1]) : 1;
  facts.n = b.rank() > 1 ? static_cast<double>(b[b.rank() - 1]) : 1;
  facts.m = std::max(1.0, static_cast<double>(layer.outputs[0].shape.elements()) / facts.n);
}

void product_facts(LayerFacts& facts) {
  facts.batch = facts.m;
  facts.channels_in = facts.k;
  facts.channels_out = facts.n;
  facts.in_h = facts.in_w = facts.out_h = facts.out_w = 1;
}

double activation_of(const LayerDesc& layer) {
  double code = layer.op == OpKind::unary ? code_of(layer.as<UnaryParams>().kind) : 0;
  for (const EpilogueStep& step : layer.epilogue) {
    if (step.kind == EpilogueStep::Kind::unary) code = code_of(step.unary.kind);
  }
  return code;
}

double last_extent(const Shape& shape) {
  return shape.rank() == 0 ? 1 : static_cast<double>(shape[shape.rank() - 1]);
}

}  // namespace

LayerFacts facts_of(const LayerDesc& layer) {
  LayerFacts facts;
  facts.type = layer_type(layer);
  const Shape none;
  const Shape& in = layer.inputs.empty() ? none : layer.inputs[0].desc.shape;
  const Shape& out = layer.outputs[0].shape;
  facts.batch = extent(in, 0);
  facts.channels_in = extent(in, 1);
  facts.channels_out = extent(out, 1);
  const auto [in_h, in_w] = image_of(in, 2);
  const auto [out_h, out_w] = image_of(out, 2);
  facts.in_h = in_h, facts.in_w = in_w, facts.out_h = out_h, facts.out_w = out_w;
  facts.inner_in = last_extent(in);
  facts.inner_out = last_extent(out);
  facts.operands = 0;
  for (const OperandDesc& operand : layer.inputs) {
    if (!operand.present) continue;
    (operand.constant ? facts.weight_bytes : facts.in_bytes) += static_cast<double>(operand.desc.bytes());
    facts.operands += operand.constant ? 0 : 1;
  }
  for (const TensorDesc& output : layer.outputs) facts.out_bytes += static_cast<double>(output.bytes());
  facts.flops = layer.flops();
  facts.activation = activation_of(layer);
  facts.residual = layer.has_residual() ? 1 : 0;
  const size_t own = layer.inputs.size() - (layer.has_residual() ? 1 : 0);
  facts.m = static_cast<double>(out.elements());
  switch (layer.op) {
    case OpKind::conv2d:
    case OpKind::conv3d:
    case OpKind::conv_transpose:
      conv_facts(layer, facts);
      facts.bias = own > 2 && layer.inputs[2].present ? 1 : 0;
      break;
    case OpKind::max_pool:
    case OpKind::average_pool:
      pool_facts(layer, facts);
      break;
    case OpKind::gemm:
      gemm_facts(layer, facts);
      facts.bias = own > 2 && layer.inputs[2].present ? 1 : 0;
      product_facts(facts);
      break;
    case OpKind::matmul:
      matmul_facts(layer, facts);
      product_facts(facts);
      break;
    default:
      break;
  }
  // An empty tensor takes no time, but its logarithm must be a number.
  for (double* each :
       {&facts.m, &facts.n, &facts.k, &facts.batch, &facts.channels_in, &facts.channels_out, &facts.in_h,
        &facts.in_w, &facts.out_h, &facts.out_w, &facts.inner_in, &facts.inner_out}) {
    *each = std::max(1.0, *each);
  }
  return facts;
}

std::string_view family_of(std::string_view type) {
  constexpr std::array convs{"conv", "depthwise", "grouped_conv", "conv3d", "conv_transpose"};
  constexpr std::array pools{"max_pool", "average_pool", "global_pool"};
  constexpr std::array products{"dense", "gemm", "matmul"};
  const auto among = [&](const auto& types) {
    return std::find(types.begin(), types.end(), type) != types.end();
  };
  if (among(convs)) return "conv";
  if (among(pools)) return "pool";
  if (among(products)) return "dense";
  return "other";
}

}  // namespace raceline
