// batch_norm in every layout as one multiply-add for each element: y = x * s + t with s = scale /
// sqrt(variance + epsilon) and t = bias - mean * s, computed when the layer is prepared if the tables are
// constant. Limits: f32.
#include <cmath>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// Rows of `inner` lanes; the factors are one for each lane.
template <int fixed_inner>
void scale_rows(const float* x, float* y, const float* s, const float* t, int64_t rows, int64_t inner) {
  vectorised([=]() RACELINE_LAMBDA {
    const int64_t width = fixed_inner > 0 ? fixed_inner : inner;
    for (int64_t row = 0; row < rows; ++row) {
      for (int64_t i = 0; i < width; ++i) y[row * width + i] = x[row * width + i] * s[i] + t[i];
    }
  });
}

void scale_span(const float* x, float* y, float s, float t, int64_t count) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t i = 0; i < count; ++i) y[i] = x[i] * s + t;
  });
}

class BatchNormKernel final : public Kernel {
 public:
  BatchNormKernel(const LayerDesc& layer, Layout layout, const PrepareArgs& args)
      : epsilon_(layer.as<BatchNormParams>().epsilon),
        desc_(layer.outputs[0].with(layout)),
        form_(ChannelForm::of(desc_)),
        epilogue_(layer, layout) {
    constants_ = true;
    for (size_t operand = 1; operand <= 4; ++operand)
      constants_ = constants_ && layer.inputs[operand].constant;
    if (!constants_) return;
    factors_ = Tensor({DataType::f32, {2 * form_.channels()}});
    compute(args.constants, factors_.data<float>());
  }

  bool reads_constant(size_t operand) const override { return !constants_ || operand == 0 || operand > 4; }
  size_t packed_bytes() const override { return constants_ ? factors_.desc().bytes() : 0; }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    const float* residual = epilogue_.residual(args);
    float* y = args.outputs[0].data<float>();
    const float* s = factors_.data<const float>();
    if (!constants_) {
      float* table = reinterpret_cast<float*>(args.workspace.host());
      compute(args.inputs, table);
      s = table;
    }
    const float* t = s + form_.channels();
    // The pixels of every image and outer channel, one after the other.
    const int64_t rows = form_.images * form_.outer * form_.pixels;
    const int64_t least = std::max<int64_t>(1, 4096 / std::max<int64_t>(1, form_.inner));
    parallel_slices(args.queue.threads(), rows, 1, least, [&](Slice slice, int) {
      for (int64_t row = slice.first; row < slice.last;) {
        const int64_t plane = row / form_.pixels;
        const int64_t end = std::min(slice.last, (plane + 1) * form_.pixels);
        const int64_t channel = plane % form_.outer * form_.inner;
        scale(x + row * form_.inner, y + row * form_.inner, s + channel, t + channel, end - row);
        row = end;
      }
      epilogue_.apply(y, residual, slice.first * form_.inner, slice.last * form_.inner);
    });
    return Status::ok();
  }

 private:
  /// table[c] = s, table[channels + c] = t; 0 in padded channels, whose zeros so stay.
  void compute(std::span<const TensorView> operands, float* table) const {
    const float* scale = operands[1].data<const float>();
    const float* bias = operands[2].data<const float>();
    const float* mean = operands[3].data<const float>();
    const float* variance = operands[4].data<const float>();
    for (int64_t c = 0; c < form_.channels(); ++c) {
      const bool real = c < desc_.shape[1];
      const float s = real ? scale[c] / std::sqrt(variance[c] + epsilon_) : 0;
      table[c] = s;
      table[form_.channels() + c] = real ? bias[c] - mean[c] * s : 0;
    }
  }

  void scale(const float* x, float* y, const float* s, const float* t, int64_t rows) const {
    if (form_.inner == 1) return scale_span(x, y, *s, *t, rows);
    if (form_.inner == 16) return scale_rows<16>(x, y, s, t, rows, 16);
    if (form_.inner == 8) return scale_rows<8>(x, y, s, t, rows, 8);
    scale_rows<0>(x, y, s, t, rows, form_.inner);
  }

  float epsilon_;
  TensorDesc desc_;
  ChannelForm form_;
  Epilogue epilogue_;
  Tensor factors_;
  bool constants_ = false;
};

class BatchNormPrimitive final : public Primitive {
 public:
  explicit BatchNormPrimitive(Layout layout)
      : Primitive(native_info(OpKind::batch_norm, "loop", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (layer.inputs[0].desc.shape.rank() < 2) return Support::no("needs rank 2 or more");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    if (const Support laid = needs_layout(layer, info().output); !laid) return laid;
    return Epilogue::supports(layer, info().output);
  }
  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }
  Sharing sharing(const LayerDesc& layer) const override {
    return layer.inputs[0].constant ? Sharing::none : Sharing::in_place;
  }
  size_t workspace_bytes(const LayerDesc& layer, int) const override {
    return static_cast<size_t>(2 * ChannelForm::of(layer.outputs[0].with(info().output)).channels()) *
           sizeof(float);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs& args) const override {
    return std::make_unique<BatchNormKernel>(layer, info().output, args);
  }
};

}  // namespace

void register_batch_norm_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<BatchNormPrimitive>(layout));
}

}  // namespace raceline
