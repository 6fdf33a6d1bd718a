// pad of the two spatial axes with a constant, in every layout: rows are copied between filled borders.
// Limits: f32, rank 4, no negative pads.
#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

class PadKernel final : public Kernel {
 public:
  PadKernel(const LayerDesc& layer, Layout layout)
      : desc_(layer.outputs[0].with(layout)),
        form_(ChannelForm::of(desc_)),
        height_(layer.inputs[0].desc.shape[2]),
        width_(layer.inputs[0].desc.shape[3]),
        top_(layer.as<PadParams>().begin[2]),
        left_(layer.as<PadParams>().begin[3]),
        value_(static_cast<float>(layer.as<PadParams>().value)) {}

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int64_t out_h = desc_.shape[2];
    const int64_t row_size = desc_.shape[3] * form_.inner;
    const int64_t left = left_ * form_.inner;
    const int64_t copied = width_ * form_.inner;
    parallel_slices(args.queue.threads(), form_.images * form_.outer * out_h, 1,
                    16384 / std::max<int64_t>(1, row_size), [&](Slice slice, int) {
                      for (int64_t row = slice.first; row < slice.last; ++row) {
                        const int64_t in_y = row % out_h - top_;
                        float* to = y + row * row_size;
                        if (in_y < 0 || in_y >= height_) {
                          std::fill(to, to + row_size, value_);
                          continue;
                        }
                        std::fill(to, to + left, value_);
                        std::copy_n(x + (row / out_h * height_ + in_y) * copied, copied, to + left);
                        std::fill(to + left + copied, to + row_size, value_);
                      }
                      if (value_ != 0) clear_padding(desc_, y, slice.first * row_size, slice.last * row_size);
                    });
    return Status::ok();
  }

 private:
  TensorDesc desc_;
  ChannelForm form_;
  int64_t height_, width_, top_, left_;
  float value_;
};

class PadPrimitive final : public Primitive {
 public:
  explicit PadPrimitive(Layout layout) : Primitive(native_info(OpKind::pad, "copy", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const PadParams& params = layer.as<PadParams>();
    if (params.mode != PadMode::constant) return Support::no("mode constant only");
    if (layer.inputs[0].desc.shape.rank() != 4) return Support::no("rank 4 only");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    for (size_t axis = 0; axis < 4; ++axis) {
      if (axis < 2 && (params.begin[axis] != 0 || params.end[axis] != 0))
        return Support::no("spatial axes only");
      if (params.begin[axis] < 0 || params.end[axis] < 0) return Support::no("no negative pads");
    }
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<PadKernel>(layer, info().input);
  }
};

}  // namespace

void register_pad_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<PadPrimitive>(layout));
}

}  // namespace raceline
