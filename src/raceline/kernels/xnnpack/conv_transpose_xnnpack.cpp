// Transposed convolution of XNNPACK in nhwc: matrix products over a table of pointers, and for strides a
// convolution for each position between the strides. Threads share the filters, groups or images. Limits:
// f32, two spatial dimensions, constant weights and bias, output padding below the stride.
#include <algorithm>
#include <vector>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

class TransposeKernel final : public Kernel {
 public:
  TransposeKernel(const LayerDesc& layer, const PrepareArgs& args)
      : TransposeKernel(layer, Clamp::of(layer), args) {}

  bool reads_constant(size_t operand) const override { return operand != 1 && operand != 2; }
  /// Without what the library rounds up to its tiles.
  size_t packed_bytes() const override { return packed_bytes_; }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    const int64_t image = height_ * width_ * channels_;
    if (channels_ / groups_ % vector != 0) {
      auto* copy = reinterpret_cast<float*>(args.workspace.host());
      std::copy_n(x, images_ * image, copy);
      std::fill_n(copy + images_ * image, slack, 0.0f);
      x = copy;
    }
    const Status status = run_parts(threads, std::ssize(parts_), [&](int64_t index) {
      const Part& part = parts_[static_cast<size_t>(index)];
      return run_after(set_up(part, x + part.images.first * image + part.first_channel,
                              y + part.images.first * out_pixels_ * filters_ + part.filters.first),
                       part.op);
    });
    if (status.is_ok()) epilogue_.apply_all(y, epilogue_.residual(args), threads);
    return status;
  }

  /// Copies of inputs that the library could read beyond the end of.
  static size_t copy_bytes(const LayerDesc& layer) {
    const Shape& x = layer.inputs[0].desc.shape;
    if (x[1] / layer.as<ConvTransposeParams>().group % vector == 0) return 0;
    return static_cast<size_t>(x.elements() + slack) * sizeof(float);
  }

 private:
  struct Part {
    Slice images, filters;
    int64_t first_channel;
    Operator op;
  };

  TransposeKernel(const LayerDesc& layer, const Clamp& clamp, const PrepareArgs& args)
      : params_(layer.as<ConvTransposeParams>()), epilogue_(clamp.rest, Layout::nhwc) {
    const Shape& x = layer.inputs[0].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    groups_ = params_.group;
    images_ = x[0];
    channels_ = x[1];
    height_ = x[2];
    width_ = x[3];
    filters_ = y[1];
    out_pixels_ = y[2] * y[3];
    const float* weights = args.constants[1].data<const float>();
    const float* bias = has_operand(layer, 2) ? args.constants[2].data<const float>() : nullptr;
    const Tensor anywhere(layer.inputs[0].desc), nowhere(layer.outputs[0]);
    const auto lanes = static_cast<int64_t>(std::max(1, args.threads));
    const int64_t grain = groups_ == 1 ? 16 : filters_ / groups_;
    const bool by_images = images_ >= lanes && filters_ < 2 * grain * lanes;
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Slice images = by_images ? slice_of(images_, lane, lanes) : Slice{0, images_};
      const Slice filters = by_images ? Slice{0, filters_} : slice_of(filters_, lane, lanes, grain);
      if (images.size() <= 0 || filters.size() <= 0) continue;
      const int64_t first = groups_ == 1 ? 0 : filters.first / grain * (channels_ / groups_);
      parts_.push_back(
          {images, filters, first, make(layer.inputs[1].desc.shape, weights, bias, filters, clamp)});
      const xnn_status status =
          set_up(parts_.back(), anywhere.data<float>(), nowhere.data<float>() + filters.first);
      if (status != xnn_status_success) refuse(status);
      packed_bytes_ +=
          static_cast<size_t>(filters.size()) *
          static_cast<size_t>(channels_ / groups_ * layer.inputs[1].desc.shape.elements(2, 4) + 1) *
          sizeof(float);
    }
  }

  /// Weights [C, K / group, R, S] become [filter, R, S, C / group].
  Operator make(const Shape& shape, const float* weights, const float* bias, Slice filters,
                const Clamp& clamp) const {
    const int64_t taps = shape[2] * shape[3];
    const int64_t depth = channels_ / groups_;
    const int64_t per_group = filters_ / groups_;
    std::vector<float> ordered(static_cast<size_t>(filters.size() * taps * depth));
    for (int64_t filter = filters.first; filter < filters.last; ++filter) {
      float* to = ordered.data() + (filter - filters.first) * taps * depth;
      for (int64_t channel = 0; channel < depth; ++channel) {
        const float* from =
            weights + ((filter / per_group * depth + channel) * per_group + filter % per_group) * taps;
        for (int64_t tap = 0; tap < taps; ++tap) to[tap * depth + channel] = from[tap];
      }
    }
    const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
    const int64_t groups = groups_ == 1 ? 1 : filters.size() / per_group;
    return make_operator(
        xnn_create_deconvolution2d_nhwc_f32, u32(params_.pads_begin[0]), u32(params_.pads_end[1]),
        u32(params_.pads_end[0]), u32(params_.pads_begin[1]), u32(shape[2]), u32(shape[3]),
        u32(params_.stride[0]), u32(params_.stride[1]), u32(params_.dilation[0]), u32(params_.dilation[1]),
        u32(groups), static_cast<size_t>(depth), static_cast<size_t>(filters.size() / groups),
        static_cast<size_t>(channels_), static_cast<size_t>(filters_), ordered.data(),
        bias == nullptr ? nullptr : bias + filters.first, clamp.low, clamp.high, uint32_t{0});
  }

  xnn_status set_up(const Part& part, const float* x, float* y) const {
    return xnn_setup_deconvolution2d_nhwc_f32(
        part.op.get(), static_cast<size_t>(part.images.size()), static_cast<size_t>(height_),
        static_cast<size_t>(width_), static_cast<uint32_t>(params_.output_padding[0]),
        static_cast<uint32_t>(params_.output_padding[1]), x, y, nullptr);
  }

  ConvTransposeParams params_;
  Epilogue epilogue_;
  int64_t groups_, images_, channels_, height_, width_, filters_, out_pixels_;
  std::vector<Part> parts_;
  size_t packed_bytes_ = 0;
};

class TransposePrimitive final : public Primitive {
 public:
  TransposePrimitive() : Primitive(make_info(OpKind::conv_transpose, "igemm", Layout::nhwc)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = check_tensors(layer, Layout::nhwc); !fits) return fits;
    const auto& params = layer.as<ConvTransposeParams>();
    if (!layer.inputs[1].constant)
      return Support::no("the weights are not constant, so they cannot be packed");
    if (has_operand(layer, 2) && !layer.inputs[2].constant) return Support::no("the bias is not constant");
    if (const Support fits = check_parameters(
            {params.stride, params.dilation, params.pads_begin, params.pads_end, params.output_padding});
        !fits) {
      return fits;
    }
    for (size_t axis = 0; axis < 2; ++axis) {
      if (params.output_padding[axis] >= params.stride[axis])
        return Support::no("output padding beyond the stride");
      // The library then writes beyond its tables: between two strides there is a position without output.
      if (layer.outputs[0].shape[static_cast<int>(axis) + 2] < params.stride[axis])
        return Support::no("fewer outputs than the stride");
    }
    if (layer.inputs[0].constant) return Support::no("a constant comes in nchw");
    return Epilogue::supports(layer, Layout::nhwc);
  }

  size_t workspace_bytes(const LayerDesc& layer, int) const override {
    return TransposeKernel::copy_bytes(layer);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<TransposeKernel>(layer, args);
  }
};

}  // namespace

void register_conv_transpose_xnnpack(PrimitiveRegistry& registry) {
  if (is_ready(registry)) registry.add(std::make_unique<TransposePrimitive>());
}

}  // namespace raceline
