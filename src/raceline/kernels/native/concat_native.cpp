// concat by copying runs: any axis in nchw, channels in the other layouts (blocked: where every operand but
// the last fills whole blocks). Limits: f32.
#include <cstring>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// The output is `outer` rows, each made of one run of every operand.
class ConcatKernel final : public Kernel {
 public:
  ConcatKernel(const LayerDesc& layer, Layout layout) {
    const Shape& y = layer.outputs[0].shape;
    const int axis = static_cast<int>(layer.as<ConcatParams>().axis);
    outer_ = layout == Layout::nhwc ? y[0] * y[2] * y[3] : y.elements(0, axis);
    ends_.push_back(0);
    for (const OperandDesc& operand : layer.inputs) {
      const TensorDesc desc = operand.desc.with(layout);
      int64_t run = desc.shape.elements(axis, desc.shape.rank());
      if (layout == Layout::nhwc) run = desc.shape[1];
      if (block_of(layout) > 1) run = ChannelForm::of(desc).channels() * desc.shape[2] * desc.shape[3];
      ends_.push_back(ends_.back() + run);
    }
  }

  Status run(const KernelArgs& args) const noexcept override {
    float* y = args.outputs[0].data<float>();
    const int64_t row_size = ends_.back();
    parallel_slices(args.queue.threads(), outer_ * row_size, 16, 16384, [&](Slice slice, int) {
      for (int64_t row = slice.first / row_size; row * row_size < slice.last; ++row) {
        for (size_t operand = 0; operand + 1 < ends_.size(); ++operand) {
          // The part of this operand's run that falls into the slice.
          const int64_t first = std::max(slice.first - row * row_size, ends_[operand]);
          const int64_t last = std::min(slice.last - row * row_size, ends_[operand + 1]);
          if (first >= last) continue;
          const int64_t run = ends_[operand + 1] - ends_[operand];
          std::memcpy(y + row * row_size + first,
                      args.inputs[operand].data<const float>() + row * run + first - ends_[operand],
                      static_cast<size_t>(last - first) * sizeof(float));
        }
      }
    });
    return Status::ok();
  }

 private:
  int64_t outer_ = 1;
  std::vector<int64_t> ends_;  ///< where each operand's run ends in a row; 0 before the first
};

class ConcatPrimitive final : public Primitive {
 public:
  explicit ConcatPrimitive(Layout layout) : Primitive(native_info(OpKind::concat, "copy", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const Layout layout = info().output;
    if (layout == Layout::nchw) return Support::yes();
    if (const Support laid = needs_layout(layer, layout); !laid) return laid;
    if (layer.as<ConcatParams>().axis != 1) return Support::no("along channels only");
    for (size_t index = 0; index < layer.inputs.size(); ++index) {
      if (layer.inputs[index].constant) return Support::no("a constant comes in nchw");
      if (index + 1 < layer.inputs.size() && layer.inputs[index].desc.shape[1] % block_of(layout) != 0) {
        return Support::no("an operand fills no whole blocks of channels");
      }
    }
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<ConcatKernel>(layer, info().output);
  }
};

}  // namespace

void register_concat_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<ConcatPrimitive>(layout));
}

}  // namespace raceline
