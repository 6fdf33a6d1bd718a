// Convolutions of oneDNN in 2 and 3 dimensions: generated direct kernels (dense, 1x1, depthwise),
// batch-reduced GEMM (brgconv), lowering to GEMM, and Winograd F(4x4, 3x3) and F(2x2, 3x3), which the library
// offers only when asked for by name. Weights are packed by prepare(). The implementation "ref:any" is left
// out on purpose: it is 100 to 1000 times slower than the others and slower than our own reference.
#include <array>
#include <vector>

#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

/// Which layers an implementation is made for at all; spares the library the question.
enum class Kind : uint8_t { any, pointwise, depthwise, winograd };

struct Row {
  Implementation implementation;
  Kind kind = Kind::any;
  std::span<const Layout> plain_to =
      {};  ///< blocked layouts written from plain input (layers of few channels)
};

constexpr Layout plain[] = {Layout::nchw};
constexpr Layout last[] = {Layout::nhwc};
constexpr Layout plain_or_last[] = {Layout::nchw, Layout::nhwc};
constexpr Layout by8[] = {Layout::nchw8c};
constexpr Layout by16[] = {Layout::nchw16c};
constexpr Layout last_or_8[] = {Layout::nhwc, Layout::nchw8c};
constexpr Layout last_or_16[] = {Layout::nhwc, Layout::nchw16c};
constexpr Layout last_or_blocked[] = {Layout::nhwc, Layout::nchw16c, Layout::nchw8c};

constexpr Row rows[] = {
    {{"brgconv:avx512_core", "brgconv", "avx512_core", last}},
    {{"brgconv_1x1:avx512_core", "brgconv_1x1", "avx512_core", last}, Kind::pointwise},
    {{"brdgmm_dw:avx512_core", "brdgmm_dw", "avx512_core", last}, Kind::depthwise},
    {{"jit:avx512_core", "jit", "avx512_core", last_or_blocked}, Kind::any, by16},
    {{"jit:avx2", "jit", "avx2", last_or_8}, Kind::any, by8},
    {{"jit:avx", "jit", "avx", last_or_8}, Kind::any, by8},
    {{"jit:sse41", "jit", "sse41", last_or_8}, Kind::any, by8},
    {{"jit_1x1:avx512_core", "jit_1x1", "avx512_core", last_or_16}, Kind::pointwise},
    {{"jit_1x1:avx2", "jit_1x1", "avx2", last_or_8}, Kind::pointwise},
    {{"jit_1x1:avx", "jit_1x1", "avx", last_or_8}, Kind::pointwise},
    {{"jit_1x1:sse41", "jit_1x1", "sse41", last_or_8}, Kind::pointwise},
    {{"jit_dw:avx512_core", "jit_dw", "avx512_core", last_or_16}, Kind::depthwise},
    {{"jit_dw:avx2", "jit_dw", "avx2", last_or_8}, Kind::depthwise},
    {{"jit_dw:sse41", "jit_dw", "sse41", last_or_8}, Kind::depthwise},
    {{"x64:gemm:jit", "gemm", "", plain_or_last}},
    {{"jit_wino_4x3:avx512_core", "wino_4x3", "avx512_core", by16}, Kind::winograd},
    {{"jit_fp32_wino_2x3:avx512_core", "wino_2x3", "avx512_core", by16}, Kind::winograd},
};

/// 3-D convolutions exist in nchw only, where the library lowers them to GEMM.
constexpr Row rows_3d[] = {{{"x64:gemm:jit", "gemm", "", plain}}};

/// Largest error of Winograd as a share of the largest output; up to 6e-6 was seen.
constexpr double winograd_bound = 2e-5;

dnnl::memory::dims less_one(dnnl::memory::dims dilation) {
  for (int64_t& extent : dilation) --extent;
  return dilation;
}

class OnednnConv final : public OnednnPrimitive {
 public:
  OnednnConv(PrimitiveInfo info, const Row& row)
      : OnednnPrimitive(std::move(info), row.implementation.offered), kind_(row.kind) {}

  std::optional<double> error_bound(const LayerDesc&) const override {
    if (kind_ != Kind::winograd) return std::nullopt;
    return winograd_bound;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& params = layer.as<ConvParams>();
    const Shape& weights = layer.inputs[1].desc.shape;
    if (!layer.inputs[1].constant)
      return Support::no("the weights are not constant, so they cannot be packed");
    if (kind_ == Kind::pointwise && (weights[2] != 1 || weights[3] != 1))
      return Support::no("for 1x1 kernels only");
    if (kind_ == Kind::depthwise && (params.group == 1 || weights[1] != 1)) {
      return Support::no("for depthwise convolution only");
    }
    if (kind_ == Kind::winograd && !fits_winograd(params, weights)) {
      return Support::no("Winograd is for 3x3 kernels of stride 1 without groups and dilation");
    }
    return check_parameters({params.stride, params.dilation, params.pads_begin, params.pads_end});
  }

  bool fuses() const override { return true; }

  /// Four implementations of oneDNN 2.6 accept a residual and then fail. Of a binary post-op, lowering to
  /// GEMM in nhwc reads it at wrong places, brdgmm_dw does where the output is one pixel (which it takes for
  /// a value for each channel), and jit:avx512_core reads beyond the end of blocks of 8; brgconv reads any
  /// residual through a null pointer where a window lies wholly in the padding.
  bool adds_rightly(const LayerDesc& layer, ResidualMode mode) const override {
    const Shape& output = layer.outputs[0].shape;
    const bool binary = mode == ResidualMode::binary;
    if (offered() == "x64:gemm:jit") return !binary || info().output != Layout::nhwc;
    if (offered() == "jit:avx512_core") return !binary || info().output != Layout::nchw8c;
    if (offered() == "brdgmm_dw:avx512_core") return !binary || output.elements() != output[1];
    return offered() != "brgconv:avx512_core" || !window_in_padding(layer);
  }

  Question question(const LayerDesc& layer) const override {
    using Desc = dnnl::convolution_forward::desc;
    const auto& params = layer.as<ConvParams>();
    const auto input = memory_desc(layer.inputs[0].desc.shape, info().input);
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    const auto weights = grouped(layer.inputs[1].desc.shape, params.group);
    const dnnl::memory::desc packed(weights, dnnl::memory::data_type::f32, dnnl::memory::format_tag::any);
    const auto algorithm =
        kind_ == Kind::winograd ? dnnl::algorithm::convolution_winograd : dnnl::algorithm::convolution_direct;
    const auto inference = dnnl::prop_kind::forward_inference;
    const auto dilation = less_one(params.dilation);

    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, input);
    question.add_operand(DNNL_ARG_WEIGHTS, 1, plain_desc(weights));
    question.add_output(output);
    if (has_operand(layer, 2)) {
      const auto bias = plain_desc(dims_of(layer.inputs[2].desc.shape));
      question.add_operand(DNNL_ARG_BIAS, 2, bias);
      question.offers = offers_of(Desc(inference, algorithm, input, packed, bias, output, params.stride,
                                       dilation, params.pads_begin, params.pads_end));
    } else {
      question.offers = offers_of(Desc(inference, algorithm, input, packed, output, params.stride, dilation,
                                       params.pads_begin, params.pads_end));
    }
    return question;
  }

 private:
  static bool window_in_padding(const LayerDesc& layer) {
    const auto& params = layer.as<ConvParams>();
    for (size_t axis = 0; axis < params.stride.size(); ++axis) {
      const int at = static_cast<int>(axis) + 2;
      const int64_t extent = (layer.inputs[1].desc.shape[at] - 1) * params.dilation[axis] + 1;
      const int64_t last = (layer.outputs[0].shape[at] - 1) * params.stride[axis] - params.pads_begin[axis];
      if (params.pads_begin[axis] >= extent || last >= layer.inputs[0].desc.shape[at]) return true;
    }
    return false;
  }

  static bool fits_winograd(const ConvParams& params, const Shape& weights) {
    const auto ones = [](const std::vector<int64_t>& values) { return values == std::vector<int64_t>{1, 1}; };
    return weights[2] == 3 && weights[3] == 3 && params.group == 1 && ones(params.stride) &&
           ones(params.dilation);
  }

  /// The extents of the weights, with the groups as a dimension of their own when there are several.
  static dnnl::memory::dims grouped(const Shape& weights, int64_t group) {
    if (group == 1) return dims_of(weights);
    dnnl::memory::dims dims = dims_of(weights);
    dims[0] /= group;
    dims.insert(dims.begin(), group);
    return dims;
  }

  Kind kind_;
};

}  // namespace

void register_conv2d_onednn(PrimitiveRegistry& registry) {
  const auto add = [&](OpKind op, const Row& row, Layout input, Layout output) {
    registry.add(std::make_unique<OnednnConv>(make_info(op, row.implementation, input, output), row));
  };
  for (const Row& row : rows) {
    if (!admit_row(registry, OpKind::conv2d, row.implementation)) continue;
    if (row.implementation.implementation == "avx" && has_instructions("avx2")) {
      add_missing_row(registry, OpKind::conv2d, row.implementation,
                      "offered to processors without avx2 only");
      continue;
    }
    for (const Layout layout : row.implementation.layouts) add(OpKind::conv2d, row, layout, layout);
    for (const Layout output : row.plain_to) add(OpKind::conv2d, row, Layout::nchw, output);
  }
  for (const Row& row : rows_3d) add(OpKind::conv3d, row, Layout::nchw, Layout::nchw);
}

}  // namespace raceline
