// Bilinear resize of XNNPACK in nhwc. Threads share the channels. Limits: f32, places by half_pixel,
// align_corners or asymmetric, with the quotient of the extents as scale.
#include <algorithm>
#include <vector>

#include "raceline/kernels/xnnpack/xnnpack_common.h"

namespace raceline {
namespace {

using namespace xnnpack;

uint32_t flags_of(ResizePlace place) {
  if (place == ResizePlace::align_corners) return XNN_FLAG_ALIGN_CORNERS;
  return place == ResizePlace::asymmetric ? XNN_FLAG_TENSORFLOW_LEGACY_MODE : 0;
}

class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(const LayerDesc& layer, int threads)
      : x_(layer.inputs[0].desc.shape), y_(layer.outputs[0].shape) {
    const auto lanes = static_cast<int64_t>(std::max(1, threads));
    const Tensor anywhere(layer.inputs[0].desc);
    for (int64_t lane = 0; lane < lanes; ++lane) {
      const Slice channels = slice_of(x_[1], lane, lanes, 16);
      if (channels.size() <= 0) continue;
      const auto stride = static_cast<size_t>(x_[1]);
      parts_.emplace_back(
          channels, make_operator(xnn_create_resize_bilinear2d_nhwc_f32, static_cast<size_t>(channels.size()),
                                  stride, stride, flags_of(layer.as<ResizeParams>().place)));
      // Tables are made now, relative to the input.
      const xnn_status status =
          set_up(parts_.back().second, anywhere.data<float>() + channels.first, nullptr);
      if (status != xnn_status_success) refuse(status);
    }
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    if (x_[1] % vector != 0) {
      auto* copy = reinterpret_cast<float*>(args.workspace.host());
      std::copy_n(x, x_.elements(), copy);
      std::fill_n(copy + x_.elements(), slack, 0.0f);
      x = copy;
    }
    return run_parts(args.queue.threads(), std::ssize(parts_), [&](int64_t index) {
      const auto& [channels, op] = parts_[static_cast<size_t>(index)];
      return run_after(set_up(op, x + channels.first, y + channels.first), op);
    });
  }

 private:
  xnn_status set_up(const Operator& op, const float* x, float* y) const {
    const auto size = [](int64_t value) { return static_cast<size_t>(value); };
    return xnn_setup_resize_bilinear2d_nhwc_f32(op.get(), size(x_[0]), size(x_[2]), size(x_[3]), size(y_[2]),
                                                size(y_[3]), x, y, nullptr);
  }

  Shape x_, y_;
  std::vector<std::pair<Slice, Operator>> parts_;
};

class ResizePrimitive final : public Primitive {
 public:
  ResizePrimitive() : Primitive(make_info(OpKind::resize, "bilinear", Layout::nhwc)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support fits = check_tensors(layer, Layout::nhwc); !fits) return fits;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (layer.inputs[0].constant) return Support::no("a constant comes in nchw");
    const auto& params = layer.as<ResizeParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    if (params.mode != Interpolation::linear) return Support::no("linear interpolation only");
    if (x[0] != y[0] || x[1] != y[1]) return Support::no("two spatial dimensions only");
    if (params.antialias || params.exclude_outside) return Support::no("no antialias, no exclude_outside");
    for (const float scale : params.scales) {
      if (scale != 0) return Support::no("the scale is not the quotient of the extents");
    }
    switch (params.place) {
      case ResizePlace::half_pixel:
      case ResizePlace::align_corners:
      case ResizePlace::asymmetric:
        break;
      default:
        return Support::no("half_pixel, align_corners and asymmetric only");
    }
    for (const Shape& shape : {x, y}) {
      if (shape[2] > most || shape[3] > most) return Support::no("extents beyond 2^24");
    }
    return Support::yes();
  }

  size_t workspace_bytes(const LayerDesc& layer, int) const override {
    const Shape& x = layer.inputs[0].desc.shape;
    return x[1] % vector == 0 ? 0 : static_cast<size_t>(x.elements() + slack) * sizeof(float);
  }

  /// The library finds places in f32, three roundings each of an extent's size, which shift the result by up
  /// to twice the largest element.
  std::optional<double> error_bound(const LayerDesc& layer) const override {
    const Shape& x = layer.inputs[0].desc.shape;
    return 1e-6 + 3.0 * static_cast<double>(x[2] + x[3]) * 0x1p-23;
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<ResizeKernel>(layer, args.threads);
  }

 private:
  static constexpr int64_t most = int64_t{1} << 24;  ///< what the library accepts
};

}  // namespace

void register_resize_xnnpack(PrimitiveRegistry& registry) {
  if (is_ready(registry)) registry.add(std::make_unique<ResizePrimitive>());
}

}  // namespace raceline
