// Pooling of XNNPACK: max_pool and average_pool in nhwc over a table of pointers to the input's pixels
// ("indirect"), and the mean of each channel in nhwc and nchw ("global"). Threads share images, or rows of
// the output. Limits: f32, two spatial dimensions; padding is never counted; windows that dilate want no
// padding.
#include <algorithm>
#include <array>
#include <vector>

#include "raceline/kernels/xnnpack/conv_parts.h"
#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

/// End padding that makes the library's own rule, rounding down, give the layer's output.
int64_t end_padding(const LayerDesc& layer, size_t axis) {
  const auto& params = layer.as<PoolParams>();
  const int64_t in = layer.inputs[0].desc.shape[static_cast<int>(axis) + 2];
  const int64_t out = layer.outputs[0].shape[static_cast<int>(axis) + 2];
  const int64_t reach = (params.kernel[axis] - 1) * params.dilation[axis] + 1;
  return std::max<int64_t>(0, (out - 1) * params.stride[axis] + reach - in - params.pads_begin[axis]);
}

Windows windows_of(const LayerDesc& layer) {
  const auto& params = layer.as<PoolParams>();
  const Shape& x = layer.inputs[0].desc.shape;
  const Shape& y = layer.outputs[0].shape;
  Windows windows;
  windows.shape = {.images = x[0],
                   .groups = x[1],
                   .channels = 1,
                   .height = x[2],
                   .width = x[3],
                   .filters = 1,
                   .kernel_h = params.kernel[0],
                   .kernel_w = params.kernel[1],
                   .out_h = y[2],
                   .out_w = y[3],
                   .stride_h = params.stride[0],
                   .stride_w = params.stride[1],
                   .dilation_h = params.dilation[0],
                   .dilation_w = params.dilation[1],
                   .pad_top = params.pads_begin[0],
                   .pad_left = params.pads_begin[1],
                   .is_pointwise = false};
  windows.pad_bottom = end_padding(layer, 0);
  windows.pad_right = end_padding(layer, 1);
  windows.per_channel = true;
  windows.has_weights = false;
  return windows;
}

class PoolKernel final : public Kernel {
 public:
  PoolKernel(const LayerDesc& layer, int threads)
      : plan_(windows_of(layer), threads), is_max_(layer.op == OpKind::max_pool) {
    const Tensor anywhere(layer.inputs[0].desc);
    for (const std::vector<ConvPart>& lane : plan_.lanes()) {
      std::vector<Part>& parts = lanes_.emplace_back();
      for (const ConvPart& where : lane) {
        parts.push_back({where, make(where)});
        const xnn_status status = set_up(parts.back(), anywhere.data<float>(), nullptr);
        if (status != xnn_status_success) refuse(status);
      }
    }
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    auto* copies = reinterpret_cast<float*>(args.workspace.host());
    return run_parts(args.queue.threads(), std::ssize(lanes_),
                     [&](int64_t lane) { return run_lane(lane, x, y, copies); });
  }

 private:
  struct Part {
    ConvPart where;
    Operator op;
  };

  Operator make(const ConvPart& part) const {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    const Conv2dShape& shape = plan_.shape();
    const auto u32 = [](int64_t value) { return static_cast<uint32_t>(value); };
    const auto channels = static_cast<size_t>(plan_.in_channels());
    if (is_max_) {
      return make_operator(xnn_create_max_pooling2d_nhwc_f32, u32(part.pad_top), u32(plan_.pad_right()),
                           u32(part.pad_bottom), u32(shape.pad_left), u32(shape.kernel_h),
                           u32(shape.kernel_w), u32(shape.stride_h), u32(shape.stride_w),
                           u32(shape.dilation_h), u32(shape.dilation_w), channels, channels, channels,
                           -infinity, infinity, uint32_t{0});
    }
    return make_operator(xnn_create_average_pooling2d_nhwc_f32, u32(part.pad_top), u32(plan_.pad_right()),
                         u32(part.pad_bottom), u32(shape.pad_left), u32(shape.kernel_h), u32(shape.kernel_w),
                         u32(shape.stride_h), u32(shape.stride_w), channels, channels, channels, -infinity,
                         infinity, uint32_t{0});
  }

  xnn_status set_up(const Part& part, const float* x, float* y) const {
    const auto images = static_cast<size_t>(part.where.whole_images ? part.where.images.size() : 1);
    const auto height = static_cast<size_t>(part.where.in_rows.size());
    const auto width = static_cast<size_t>(plan_.shape().width);
    return is_max_
               ? xnn_setup_max_pooling2d_nhwc_f32(part.op.get(), images, height, width, x, y, nullptr)
               : xnn_setup_average_pooling2d_nhwc_f32(part.op.get(), images, height, width, x, y, nullptr);
  }

  xnn_status run_lane(int64_t lane, const float* x, float* y, float* copies) const {
    for (const Part& part : lanes_[static_cast<size_t>(lane)]) {
      const xnn_status status = plan_.for_each_piece(
          part.where, x, y, copies + lane * plan_.copy_floats(),
          [&](const float* from, float* to) { return run_after(set_up(part, from, to), part.op); });
      if (status != xnn_status_success) return status;
    }
    return xnn_status_success;
  }

  ConvPlan plan_;
  bool is_max_;
  std::vector<std::vector<Part>> lanes_;
};

Support supports_pool(const LayerDesc& layer, Layout layout) {
  if (const Support fits = check_tensors(layer, layout); !fits) return fits;
  if (const Support plain = needs_plain(layer); !plain) return plain;
  if (layer.inputs[0].desc.shape.rank() != 4) return Support::no("two spatial dimensions only");
  if (layer.inputs[0].constant && layout != Layout::nchw) return Support::no("a constant comes in nchw");
  const auto& params = layer.as<PoolParams>();
  return check_parameters(
      {params.kernel, params.stride, params.dilation, params.pads_begin, params.pads_end});
}

class PoolPrimitive final : public Primitive {
 public:
  explicit PoolPrimitive(OpKind op) : Primitive(make_info(op, "indirect", Layout::nhwc)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = supports_pool(layer, Layout::nhwc); !fits) return fits;
    const auto& params = layer.as<PoolParams>();
    if (params.kernel[0] * params.kernel[1] == 1)
      return Support::no("the library wants windows of 2 and more");
    for (size_t axis = 0; axis < 2; ++axis) {
      const int64_t in = layer.inputs[0].desc.shape[static_cast<int>(axis) + 2];
      const int64_t out = layer.outputs[0].shape[static_cast<int>(axis) + 2];
      const int64_t pads = std::max(params.pads_begin[axis], end_padding(layer, axis));
      const bool dilates = params.dilation[axis] != 1;
      if (dilates && layer.op != OpKind::max_pool) return Support::no("no dilation");
      if (dilates && pads > 0) return Support::no("it would read its edges in place of the padding");
      const int64_t last_start = (out - 1) * params.stride[axis] - params.pads_begin[axis];
      if (params.pads_begin[axis] >= params.kernel[axis] || last_start >= in)
        return Support::no("a window lies wholly in the padding");
      if (layer.op == OpKind::average_pool && params.count_include_pad && pads > 0)
        return Support::no("the library does not count padding");
    }
    return Support::yes();
  }

  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    const ConvPlan plan(windows_of(layer), threads);
    return static_cast<size_t>(plan.copy_floats() * std::ssize(plan.lanes())) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<PoolKernel>(layer, args.threads);
  }
};

/// The mean of each channel. What the library could read beyond the end of, the last channels, is done here.
class GlobalKernel final : public Kernel {
 public:
  GlobalKernel(const LayerDesc& layer, Layout layout, int threads)
      : is_last_(layout == Layout::nhwc),
        images_(layer.inputs[0].desc.shape[0]),
        channels_(layer.inputs[0].desc.shape[1]),
        pixels_(layer.inputs[0].desc.shape.elements(2, 4)) {
    constexpr float infinity = std::numeric_limits<float>::infinity();
    // In nchw all planes of all images are alike.
    const int64_t all = is_last_ ? channels_ : images_ * channels_;
    safe_ = is_last_ ? all / vector * vector : pixels_ % vector == 0 ? all : all - left_over();
    const auto lanes = static_cast<int64_t>(std::max(1, threads));
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Slice slice = slice_of(safe_, lane, lanes, 16);
      if (slice.size() <= 0) continue;
      const auto size = static_cast<size_t>(slice.size());
      const auto stride = static_cast<size_t>(channels_);
      parts_.push_back({slice, is_last_ ? make_operator(xnn_create_global_average_pooling_nwc_f32, size,
                                                        stride, stride, -infinity, infinity, uint32_t{0})
                                        : make_operator(xnn_create_global_average_pooling_ncw_f32, size,
                                                        -infinity, infinity, uint32_t{0})});
    }
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const auto pixels = static_cast<size_t>(pixels_);
    const Status status = run_parts(args.queue.threads(), std::ssize(parts_), [&](int64_t index) {
      const auto& [slice, op] = parts_[static_cast<size_t>(index)];
      return run_after(
          is_last_ ? xnn_setup_global_average_pooling_nwc_f32(op.get(), static_cast<size_t>(images_), pixels,
                                                              x + slice.first, y + slice.first, nullptr)
                   : xnn_setup_global_average_pooling_ncw_f32(op.get(), 1, pixels, x + slice.first * pixels_,
                                                              y + slice.first, nullptr),
          op);
    });
    if (is_last_) {
      for (int64_t image = 0; image < images_; ++image) {
        for (int64_t channel = safe_; channel < channels_; ++channel)
          y[image * channels_ + channel] = mean(x + image * pixels_ * channels_ + channel, channels_);
      }
    } else {
      for (int64_t plane = safe_; plane < images_ * channels_; ++plane)
        y[plane] = mean(x + plane * pixels_, 1);
    }
    return status;
  }

 private:
  /// Planes at the end whose last vector reaches beyond the input.
  int64_t left_over() const { return std::min(images_ * channels_, (vector + pixels_ - 1) / pixels_); }

  float mean(const float* first, int64_t step) const {
    float sum = 0;
    for (int64_t pixel = 0; pixel < pixels_; ++pixel) sum += first[pixel * step];
    return sum / static_cast<float>(pixels_);
  }

  bool is_last_;
  int64_t images_, channels_, pixels_, safe_ = 0;
  std::vector<std::pair<Slice, Operator>> parts_;
};

class GlobalPrimitive final : public Primitive {
 public:
  explicit GlobalPrimitive(Layout layout) : Primitive(make_info(OpKind::average_pool, "global", layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = supports_pool(layer, info().input); !fits) return fits;
    const auto& params = layer.as<PoolParams>();
    for (size_t axis = 0; axis < 2; ++axis) {
      if (params.kernel[axis] != layer.inputs[0].desc.shape[static_cast<int>(axis) + 2] ||
          params.pads_begin[axis] != 0 || params.pads_end[axis] != 0) {
        return Support::no("the kernel is not the image");
      }
    }
    return Support::yes();
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<GlobalKernel>(layer, info().input, args.threads);
  }
};

}  // namespace

void register_pool_xnnpack(PrimitiveRegistry& registry) {
  if (!is_ready(registry)) return;
  for (const OpKind op : {OpKind::max_pool, OpKind::average_pool})
    registry.add(std::make_unique<PoolPrimitive>(op));
  for (const Layout layout : {Layout::nchw, Layout::nhwc})
    registry.add(std::make_unique<GlobalPrimitive>(layout));
}

}  // namespace raceline
