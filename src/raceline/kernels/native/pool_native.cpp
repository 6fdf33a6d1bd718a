// max_pool and average_pool of images in every layout: for each row of outputs, one pass over the row for
// each tap of the window, so that the innermost loop runs over neighbouring outputs and channels. The global
// average has a kernel of its own, a sum over each channel. Limits: f32, two spatial dimensions, no
// dilation (a window could then miss the image), no indices.
#include <limits>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/reduce_rows.h"

namespace raceline {
namespace {

struct PoolShape {
  int64_t height, width, out_h, out_w, kernel_h, kernel_w, stride_h, stride_w, pad_top, pad_left;
  int64_t padded_h, padded_w;  ///< where counting stops: the image's end, or that of its padding

  static PoolShape of(const LayerDesc& layer) {
    const PoolParams& p = layer.as<PoolParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    const Shape& y = layer.outputs[0].shape;
    PoolShape shape{x[2],
                    x[3],
                    y[2],
                    y[3],
                    p.kernel[0],
                    p.kernel[1],
                    p.stride[0],
                    p.stride[1],
                    p.pads_begin[0],
                    p.pads_begin[1],
                    x[2],
                    x[3]};
    if (p.count_include_pad) {
      shape.padded_h += p.pads_end[0];
      shape.padded_w += p.pads_end[1];
    }
    return shape;
  }
};

/// One row of outputs: `lanes` channels of each pixel, whose pixels lie `step` apart.
struct Row {
  const float* image;  ///< the first pixel of the plane
  float* y;            ///< the first output of the row
  int64_t out_y, lanes, step;
};

/// Taps [first, last) of a window that starts at `start` and lies inside [0, extent).
RACELINE_INLINE Slice taps(int64_t start, int64_t kernel, int64_t extent) {
  const int64_t last = extent - start < kernel ? extent - start : kernel;
  return {start < 0 ? -start : 0, last};
}

template <bool is_max, int64_t fixed_lanes>
RACELINE_INLINE void add_tap(const float* x, float* y, int64_t count, int64_t lanes, int64_t x_step,
                             int64_t y_step) {
  const int64_t width = fixed_lanes > 0 ? fixed_lanes : lanes;
  if (fixed_lanes == 1 && x_step == 1) {
    for (int64_t i = 0; i < count; ++i) {
      if (is_max) {
        y[i] = (y[i] > x[i] || y[i] != y[i]) ? y[i] : x[i];
      } else {
        y[i] += x[i];
      }
    }
    return;
  }
  for (int64_t at = 0; at < count; ++at, x += x_step, y += y_step) {
    for (int64_t i = 0; i < width; ++i) {
      if (is_max) {
        y[i] = (y[i] > x[i] || y[i] != y[i]) ? y[i] : x[i];
      } else {
        y[i] += x[i];
      }
    }
  }
}

template <bool is_max, int64_t fixed_lanes>
void pool_row(const PoolShape& shape, const Row& row, bool include_pad) {
  vectorised([&, shape, row]() RACELINE_LAMBDA {
    const int64_t lanes = fixed_lanes > 0 ? fixed_lanes : row.lanes;
    const int64_t y_step = fixed_lanes > 0 ? fixed_lanes : row.step;
    const float start = is_max ? -std::numeric_limits<float>::infinity() : 0.0f;
    for (int64_t x = 0; x < shape.out_w; ++x) {
      for (int64_t i = 0; i < lanes; ++i) row.y[x * y_step + i] = start;
    }
    const int64_t top = row.out_y * shape.stride_h - shape.pad_top;
    const Slice vertical = taps(top, shape.kernel_h, shape.height);
    for (int64_t tap_y = vertical.first; tap_y < vertical.last; ++tap_y) {
      for (int64_t tap_x = 0; tap_x < shape.kernel_w; ++tap_x) {
        const int64_t shift = tap_x - shape.pad_left;
        const Slice outputs = outputs_inside(shape.out_w, shape.stride_w, shift, shape.width);
        if (outputs.size() <= 0) continue;
        const int64_t first = (top + tap_y) * shape.width + outputs.first * shape.stride_w + shift;
        add_tap<is_max, fixed_lanes>(row.image + first * y_step, row.y + outputs.first * y_step,
                                     outputs.size(), lanes, shape.stride_w * y_step, y_step);
      }
    }
    if (is_max) return;
    const int64_t rows = include_pad ? std::min(top + shape.kernel_h, shape.padded_h) - top : vertical.size();
    for (int64_t x = 0; x < shape.out_w; ++x) {
      const int64_t left = x * shape.stride_w - shape.pad_left;
      const int64_t columns = include_pad ? std::min(left + shape.kernel_w, shape.padded_w) - left
                                          : taps(left, shape.kernel_w, shape.width).size();
      const float share = 1.0f / static_cast<float>(rows * columns);
      for (int64_t i = 0; i < lanes; ++i) row.y[x * y_step + i] *= share;
    }
  });
}

template <bool is_max>
class PoolKernel final : public Kernel {
 public:
  PoolKernel(const LayerDesc& layer, Layout layout)
      : shape_(PoolShape::of(layer)),
        form_(ChannelForm::of(layer.outputs[0].with(layout))),
        include_pad_(layer.as<PoolParams>().count_include_pad) {}

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    const int64_t rows = form_.images * form_.outer * shape_.out_h;
    // Few rows of many channels (a global pool): the channels are cut too.
    const int64_t parts = rows < threads ? (form_.inner + 63) / 64 : 1;
    const int64_t work =
        std::max<int64_t>(1, shape_.out_w * shape_.kernel_h * shape_.kernel_w * form_.inner / parts);
    parallel_slices(threads, rows * parts, 1, 16384 / work, [&](Slice slice, int) {
      for (int64_t index = slice.first; index < slice.last; ++index) {
        const int64_t row = index / parts;
        const Slice lanes = slice_of(form_.inner, index % parts, parts, 16);
        const int64_t plane = row / shape_.out_h;
        pool(Row{x + plane * shape_.height * shape_.width * form_.inner + lanes.first,
                 y + row * shape_.out_w * form_.inner + lanes.first, row % shape_.out_h, lanes.size(),
                 form_.inner});
        // A window of padded channels holds only zeros, and so does its average.
      }
    });
    return Status::ok();
  }

 private:
  void pool(const Row& row) const {
    if (form_.inner == 1) return pool_row<is_max, 1>(shape_, row, include_pad_);
    if (form_.inner == 8 && row.lanes == 8) return pool_row<is_max, 8>(shape_, row, include_pad_);
    if (form_.inner == 16 && row.lanes == 16) return pool_row<is_max, 16>(shape_, row, include_pad_);
    pool_row<is_max, 0>(shape_, row, include_pad_);
  }

  PoolShape shape_;
  ChannelForm form_;
  bool include_pad_;
};

/// The mean of each channel.
class GlobalKernel final : public Kernel {
 public:
  GlobalKernel(const LayerDesc& layer, Layout layout)
      : form_(ChannelForm::of(layer.inputs[0].desc.with(layout))) {}

  Status run(const KernelArgs& args) const noexcept override {
    reduce_rows(RowReduction::sum, args.inputs[0].data<const float>(), form_.images * form_.outer,
                form_.pixels, form_.inner, 1.0f / static_cast<float>(form_.pixels),
                args.outputs[0].data<float>(), args.queue.threads());
    return Status::ok();
  }

 private:
  ChannelForm form_;
};

Support supports_pool(const LayerDesc& layer, Layout layout) {
  if (const Support typed = needs_f32(layer); !typed) return typed;
  if (const Support plain = needs_plain(layer); !plain) return plain;
  if (layer.inputs[0].desc.shape.rank() != 4) return Support::no("two spatial dimensions only");
  if (layer.inputs[0].constant && layout != Layout::nchw) return Support::no("a constant comes in nchw");
  for (const int64_t dilation : layer.as<PoolParams>().dilation) {
    if (dilation != 1) return Support::no("no dilation");
  }
  return Support::yes();
}

template <bool is_max>
class PoolPrimitive final : public Primitive {
 public:
  explicit PoolPrimitive(Layout layout)
      : Primitive(native_info(is_max ? OpKind::max_pool : OpKind::average_pool, "loop", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override { return supports_pool(layer, info().input); }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<PoolKernel<is_max>>(layer, info().input);
  }
};

class GlobalPrimitive final : public Primitive {
 public:
  explicit GlobalPrimitive(Layout layout)
      : Primitive(native_info(OpKind::average_pool, "global", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support pool = supports_pool(layer, info().input); !pool) return pool;
    if (layer.inputs[0].desc.shape.elements() == 0) return Support::no("no pixels");
    const PoolParams& params = layer.as<PoolParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    for (const size_t axis : {size_t{0}, size_t{1}}) {
      if (params.kernel[axis] != x[2 + static_cast<int>(axis)] || params.pads_begin[axis] != 0 ||
          params.pads_end[axis] != 0) {
        return Support::no("the kernel is not the image");
      }
    }
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<GlobalKernel>(layer, info().input);
  }
};

}  // namespace

void register_pool_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) {
    registry.add(std::make_unique<PoolPrimitive<true>>(layout));
    registry.add(std::make_unique<PoolPrimitive<false>>(layout));
    registry.add(std::make_unique<GlobalPrimitive>(layout));
  }
}

}  // namespace raceline
