// Transposed convolutions of oneDNN: its deconvolution, which is the gradient of one of its convolutions with
// respect to the image. The library has one implementation for a layer and a layout: generated direct code
// (dense, 1x1, depthwise), lowering to GEMM in nchw, and Winograd F(4x4, 3x3) when asked for by name. Weights
// are packed by prepare(). What follows on the result is done by the shared epilogue, since the library does
// it element by element. "ref:any" is left out on purpose.
#include <vector>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

constexpr Layout plain[] = {Layout::nchw};
constexpr Layout by16[] = {Layout::nchw16c};
constexpr Layout last_or_8[] = {Layout::nhwc, Layout::nchw8c};
constexpr Layout last_or_16[] = {Layout::nhwc, Layout::nchw16c};

constexpr Implementation rows[] = {
    {"jit:avx512_core", "jit", "avx512_core", last_or_16},
    {"jit:avx2", "jit", "avx2", last_or_8},
    {"jit_1x1:avx512_core", "jit_1x1", "avx512_core", last_or_16},
    {"jit_1x1:avx2", "jit_1x1", "avx2", last_or_8},
    {"jit_dw:avx512_core", "jit_dw", "avx512_core", last_or_16},
    {"jit_dw:avx2", "jit_dw", "avx2", last_or_8},
    {"jit_dw:sse41", "jit_dw", "sse41", last_or_8},
    {"x64:gemm:jit", "gemm", "", plain},
    {"jit_wino_4x3:avx512_core", "wino_4x3", "avx512_core", by16},
};

/// As for the convolution.
constexpr double winograd_bound = 2e-5;

class OnednnConvTranspose final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  std::optional<double> error_bound(const LayerDesc&) const override {
    if (!is_winograd()) return std::nullopt;
    return winograd_bound;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<ConvTransposeParams>();
    if (!layer.inputs[1].constant)
      return Support::no("the weights are not constant, so they cannot be packed");
    if (is_winograd() && !fits_winograd(layer))
      return Support::no(
          "Winograd is for 3x3 kernels of stride 1 without groups and dilation, and as much cut above as "
          "below");
    for (size_t axis = 0; axis < params.stride.size(); ++axis) {
      if (params.output_padding[axis] > params.pads_end[axis] + params.stride[axis] - 1)
        return Support::no("the output padding is larger than end padding and stride together");
    }
    return check_parameters(
        {params.stride, params.dilation, params.pads_begin, params.pads_end, params.output_padding});
  }

  Question question(const LayerDesc& layer) const override {
    using Desc = dnnl::deconvolution_forward::desc;
    const auto& params = layer.as<ConvTransposeParams>();
    const auto input = memory_desc(layer.inputs[0].desc.shape, info().input);
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    const auto weights = weights_desc(layer.inputs[1].desc.shape, params.group);
    const dnnl::memory::desc packed(weights.dims(), dnnl::memory::data_type::f32,
                                    dnnl::memory::format_tag::any);
    const auto algorithm =
        is_winograd() ? dnnl::algorithm::deconvolution_winograd : dnnl::algorithm::deconvolution_direct;
    const auto inference = dnnl::prop_kind::forward_inference;
    dnnl::memory::dims dilation = params.dilation, end = params.pads_end;
    for (size_t axis = 0; axis < end.size(); ++axis) {
      --dilation[axis];
      end[axis] -= params.output_padding[axis];
    }

    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, input);
    question.add_operand(DNNL_ARG_WEIGHTS, 1, weights);
    question.add_output(output);
    if (has_operand(layer, 2)) {
      const auto bias = plain_desc(dims_of(layer.inputs[2].desc.shape));
      question.add_operand(DNNL_ARG_BIAS, 2, bias);
      question.offers = offers_of(Desc(inference, algorithm, input, packed, bias, output, params.stride,
                                       dilation, params.pads_begin, end));
    } else {
      question.offers = offers_of(
          Desc(inference, algorithm, input, packed, output, params.stride, dilation, params.pads_begin, end));
    }
    return question;
  }

 private:
  bool is_winograd() const { return info().algorithm == "wino_4x3"; }

  /// Where more is cut off on one side than on the other oneDNN 2.6's results are wrong by rows (those of its
  /// columns are right).
  static bool fits_winograd(const LayerDesc& layer) {
    const auto& params = layer.as<ConvTransposeParams>();
    const Shape& weights = layer.inputs[1].desc.shape;
    const auto ones = [](const std::vector<int64_t>& values) { return values == std::vector<int64_t>{1, 1}; };
    return weights.rank() == 4 && weights[2] == 3 && weights[3] == 3 && params.group == 1 &&
           ones(params.stride) && ones(params.dilation) &&
           params.pads_begin[0] == params.pads_end[0] - params.output_padding[0];
  }

  /// Ours are [input channel, output channel of the group, kernel...]; the library's extents begin with the
  /// output channels, and with the groups when there are several.
  static dnnl::memory::desc weights_desc(const Shape& weights, int64_t group) {
    const int64_t volume = weights.elements(2, weights.rank());
    dnnl::memory::dims dims = {weights[1], weights[0] / group};
    dnnl::memory::dims strides = {volume, weights[1] * volume};
    if (group > 1) {
      dims.insert(dims.begin(), group);
      strides.insert(strides.begin(), weights[0] / group * weights[1] * volume);
    }
    for (int axis = 2; axis < weights.rank(); ++axis) {
      dims.push_back(weights[axis]);
      strides.push_back(weights.elements(axis + 1, weights.rank()));
    }
    return {dims, dnnl::memory::data_type::f32, strides};
  }
};

}  // namespace

void register_conv_transpose_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnConvTranspose>(registry, OpKind::conv_transpose, rows);
}

}  // namespace raceline
