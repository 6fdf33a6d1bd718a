// max_pool and average_pool of images in every layout. Where channels come in blocks of 8 or 16, the outputs
// of a window stay in registers; else there is one pass over a row of outputs for each tap of the window, so
// that the innermost loop runs over neighbouring outputs and channels. The global average has a kernel of its
// own, a sum over each channel. Limits: f32, two spatial dimensions, no dilation (a window could then miss
// the image), no indices.
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/im2col.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/pool_blocks.h"
#include "raceline/kernels/native/reduce_rows.h"

namespace raceline {
namespace {

/// `lone`: one channel after the other, whose pixels lie side by side.
template <bool is_max, bool lone>
RACELINE_INLINE void add_tap(const float* x, float* y, int64_t count, int64_t lanes, int64_t x_step,
                             int64_t y_step) {
  const int64_t width = lone ? 1 : lanes;
  if (lone && x_step == 1) {
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

template <bool is_max, bool lone>
void pool_row(const PoolShape& shape, const PoolRow& row, bool include_pad) {
  vectorised([&, shape, row]() RACELINE_LAMBDA {
    const int64_t lanes = lone ? 1 : row.lanes, y_step = lone ? 1 : row.step;
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
        add_tap<is_max, lone>(row.image + first * y_step, row.y + outputs.first * y_step, outputs.size(),
                              lanes, shape.stride_w * y_step, y_step);
      }
    }
    if (is_max) return;
    for (int64_t x = 0; x < shape.out_w; ++x) {
      const int64_t left = x * shape.stride_w - shape.pad_left;
      const float share =
          average_share(shape, top, left, vertical, taps(left, shape.kernel_w, shape.width), include_pad);
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
        include_pad_(layer.as<PoolParams>().count_include_pad),
        blocks_(pool_blocks_of<is_max>(form_.inner, shape_)) {}

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
        pool(PoolRow{x + plane * shape_.height * shape_.width * form_.inner + lanes.first,
                     y + row * shape_.out_w * form_.inner + lanes.first, row % shape_.out_h, lanes.size(),
                     form_.inner});
        // A window of padded channels holds only zeros, and so does its average.
      }
    });
    return Status::ok();
  }

 private:
  void pool(const PoolRow& row) const {
    if (form_.inner == 1) return pool_row<is_max, true>(shape_, row, include_pad_);
    if (blocks_ != nullptr) return blocks_(shape_, row, include_pad_);
    pool_row<is_max, false>(shape_, row, include_pad_);
  }

  PoolShape shape_;
  ChannelForm form_;
  bool include_pad_;
  PoolBlocks blocks_;  ///< nullptr where channels don't come in blocks
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
