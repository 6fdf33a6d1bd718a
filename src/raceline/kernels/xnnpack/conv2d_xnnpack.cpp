// Convolutions of XNNPACK in nhwc: matrix products over a table of pointers to the input's pixels, so that
// nothing is lowered ("igemm"; a plain product for 1x1), and vectors of channels for depthwise ones ("dw").
// Source: Dukhan: The Indirect Convolution Algorithm, 2019. Threads share the filters, the images or the rows
// of the output, each with operators of its own (conv_parts.h). Limits: f32, constant weights and bias.
#include <algorithm>
#include <vector>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/xnnpack/conv_parts.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

/// The weights [K, C / group, R, S] of filters [first, last), as the library wants them: [filter, R, S,
/// C / group], or [R, S, filter] for depthwise operators.
std::vector<float> weights_of(const Conv2dShape& shape, const float* weights, Slice filters, bool depthwise) {
  const int64_t taps = shape.kernel_h * shape.kernel_w;
  std::vector<float> made(static_cast<size_t>(filters.size() * shape.depth()));
  const int64_t tap_step = depthwise ? filters.size() : shape.channels;
  const int64_t filter_step = depthwise ? 1 : shape.depth();
  for (int64_t filter = 0; filter < filters.size(); ++filter) {
    const float* from = weights + (filters.first + filter) * shape.depth();
    float* to = made.data() + filter * filter_step;
    for (int64_t channel = 0; channel < shape.channels; ++channel) {
      for (int64_t tap = 0; tap < taps; ++tap) to[tap * tap_step + channel] = from[channel * taps + tap];
    }
  }
  return made;
}

class ConvKernel final : public Kernel {
 public:
  ConvKernel(const LayerDesc& layer, const PrepareArgs& args, bool depthwise)
      : ConvKernel(layer, Clamp::of(layer), args, depthwise) {}

  bool reads_constant(size_t operand) const override { return operand != 1 && operand != 2; }
  /// Without what the library rounds up to its tiles.
  size_t packed_bytes() const override { return packed_bytes_; }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const float* residual = epilogue_.residual(args);
    auto* copies = reinterpret_cast<float*>(args.workspace.host());
    const int threads = args.queue.threads();
    const Status status = run_parts(threads, std::ssize(lanes_),
                                    [&](int64_t lane) { return run_lane(lane, x, y, residual, copies); });
    if (status.is_ok() && !by_lane_) epilogue_.apply_all(y, residual, threads);
    return status;
  }

 private:
  struct Part {
    ConvPart where;
    Operator op;
  };

  ConvKernel(const LayerDesc& layer, const Clamp& clamp, const PrepareArgs& args, bool depthwise)
      : plan_(Windows::of_conv(layer, depthwise), args.threads),
        epilogue_(clamp.rest, Layout::nhwc),
        by_lane_(epilogue_.empty() || plan_.lanes_are_contiguous()) {
    const float* weights = args.constants[1].data<const float>();
    const float* bias = has_operand(layer, 2) ? args.constants[2].data<const float>() : nullptr;
    // The operators note where pixels lie relative to the first input they are given; nothing is read.
    const Tensor anywhere(layer.inputs[0].desc);
    for (const std::vector<ConvPart>& lane : plan_.lanes()) {
      std::vector<Part>& parts = lanes_.emplace_back();
      for (const ConvPart& where : lane) {
        parts.push_back({where, make(where, clamp, weights, bias, depthwise)});
        const xnn_status status = set_up(parts.back(), anywhere.data<float>(), nullptr);
        if (status != xnn_status_success) refuse(status);
        const Conv2dShape& shape = plan_.shape();
        packed_bytes_ += static_cast<size_t>(where.filters.size() * (shape.depth() + 1)) * sizeof(float);
      }
    }
  }

  Operator make(const ConvPart& part, const Clamp& clamp, const float* weights, const float* bias,
                bool depthwise) const {
    const Conv2dShape& shape = plan_.shape();
    const std::vector<float> ordered = weights_of(shape, weights, part.filters, depthwise);
    const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
    const auto size = [](int64_t value) { return static_cast<size_t>(value); };
    const int64_t groups = shape.groups == 1 ? 1 : part.filters.size() / shape.filters;
    return make_operator(
        xnn_create_convolution2d_nhwc_f32, u32(part.pad_top), u32(plan_.pad_right()), u32(part.pad_bottom),
        u32(shape.pad_left), u32(shape.kernel_h), u32(shape.kernel_w), u32(shape.stride_h),
        u32(shape.stride_w), u32(shape.dilation_h), u32(shape.dilation_w), u32(groups), size(shape.channels),
        size(part.filters.size() / groups), size(plan_.in_channels()), size(plan_.out_channels()),
        ordered.data(), bias == nullptr ? nullptr : bias + part.filters.first, clamp.low, clamp.high,
        depthwise ? XNN_FLAG_DEPTHWISE_CONVOLUTION : 0);
  }

  xnn_status set_up(const Part& part, const float* x, float* y) const {
    const int64_t images = part.where.whole_images ? part.where.images.size() : 1;
    return xnn_setup_convolution2d_nhwc_f32(part.op.get(), static_cast<size_t>(images),
                                            static_cast<size_t>(part.where.in_rows.size()),
                                            static_cast<size_t>(plan_.shape().width), x, y, nullptr);
  }

  xnn_status run_lane(int64_t lane, const float* x, float* y, const float* residual, float* copies) const {
    for (const Part& part : lanes_[static_cast<size_t>(lane)]) {
      const ConvPart& where = part.where;
      const int64_t rows = where.whole_images ? where.images.size() * plan_.shape().out_h : where.rows.size();
      const int64_t floats = rows * plan_.shape().out_w * plan_.out_channels();
      const xnn_status status = plan_.for_each_piece(
          where, x, y, copies + lane * plan_.copy_floats(), [&](const float* from, float* to) {
            const xnn_status done = run_after(set_up(part, from, to), part.op);
            if (by_lane_) epilogue_.apply(y, residual, to - y, to - y + floats);
            return done;
          });
      if (status != xnn_status_success) return status;
    }
    return xnn_status_success;
  }

  ConvPlan plan_;
  Epilogue epilogue_;
  bool by_lane_;  ///< the epilogue follows each part at once: its outputs lie together
  std::vector<std::vector<Part>> lanes_;
  size_t packed_bytes_ = 0;
};

class ConvPrimitive final : public Primitive {
 public:
  explicit ConvPrimitive(bool depthwise)
      : Primitive(make_info(OpKind::conv2d, depthwise ? "dw" : "igemm", Layout::nhwc)),
        depthwise_(depthwise) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = check_tensors(layer, Layout::nhwc); !fits) return fits;
    const auto& params = layer.as<ConvParams>();
    const Shape& weights = layer.inputs[1].desc.shape;
    if (!layer.inputs[1].constant)
      return Support::no("the weights are not constant, so they cannot be packed");
    if (has_operand(layer, 2) && !layer.inputs[2].constant) return Support::no("the bias is not constant");
    // The library has vectors of channels for kernels of up to 25 taps.
    const bool one_each = params.group > 1 && weights[1] == 1 && weights[0] == params.group;
    const bool fits_depthwise = one_each && weights[2] * weights[3] <= 25;
    if (depthwise_ && !fits_depthwise) {
      return Support::no(one_each ? "more than 25 taps" : "for depthwise convolution only");
    }
    if (!depthwise_ && fits_depthwise) return Support::no("depthwise convolution is dw's");
    if (const Support fits =
            check_parameters({params.stride, params.dilation, params.pads_begin, params.pads_end});
        !fits) {
      return fits;
    }
    if (layer.inputs[0].constant) return Support::no("a constant comes in nchw");
    return Epilogue::supports(layer, Layout::nhwc);
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const ConvPlan plan(Windows::of_conv(layer, depthwise_), threads);
    return static_cast<size_t>(plan.copy_floats() * std::ssize(plan.lanes())) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<ConvKernel>(layer, args, depthwise_);
  }

 private:
  bool depthwise_;
};

}  // namespace

void register_conv2d_xnnpack(PrimitiveRegistry& registry) {
  if (!is_ready(registry)) return;
  for (const bool depthwise : {false, true}) registry.add(std::make_unique<ConvPrimitive>(depthwise));
}

}  // namespace raceline
