// lrn across channels in every layout. The sums of squares are formed anew for each channel, so that no
// rounding error is carried along; the power is exp(-beta * log(s)), which the compiler vectorises. Limits:
// f32, rank 4, bias > 0.
#include <cmath>

#include "raceline/kernels/common/epilogue.h"
#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/vector_math.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// Pixels of an nchw image that are taken together.
constexpr int64_t chunk = 256;

struct Window {
  int64_t before, after;  ///< channels on either side of the one in the middle
  float scale, minus_beta, bias;

  static Window of(const LayerDesc& layer) {
    const LrnParams& params = layer.as<LrnParams>();
    const int64_t channels = layer.inputs[0].desc.shape[1];
    return {std::min((params.size - 1) / 2, channels), std::min(params.size / 2, channels),
            params.alpha / static_cast<float>(params.size), -params.beta, params.bias};
  }
};

/// x / (bias + scale * sum)^beta; NaN in the window gives NaN.
RACELINE_INLINE float normalise(const Window& window, float x, float sum) {
  const float s = window.bias + window.scale * sum;
  const float power = vector_exp(window.minus_beta * vector_log(s));
  return s != s ? s : x * power;
}

/// Up to `chunk` pixels of all channels of an nchw image.
void normalise_planes(const Window& window, const float* x, float* y, int64_t channels, int64_t pixels,
                      int64_t count) {
  vectorised([=]() RACELINE_LAMBDA {
    float sums[chunk];
    for (int64_t c = 0; c < channels; ++c) {
      for (int64_t i = 0; i < count; ++i) sums[i] = 0;
      const int64_t first = c > window.before ? c - window.before : 0;
      const int64_t last = c + window.after < channels ? c + window.after : channels - 1;
      for (int64_t other = first; other <= last; ++other) {
        const float* from = x + other * pixels;
        for (int64_t i = 0; i < count; ++i) sums[i] += from[i] * from[i];
      }
      for (int64_t i = 0; i < count; ++i) y[c * pixels + i] = normalise(window, x[c * pixels + i], sums[i]);
    }
  });
}

/// All channels of one pixel, `outer` rows of `inner` lanes that lie `step` apart. `squares` holds channels
/// and a window, of which the ends stay 0; `sums` one row.
void normalise_pixel(const Window& window, const float* x, float* y, int64_t outer, int64_t inner,
                     int64_t step, float* squares, float* sums) {
  vectorised([=]() RACELINE_LAMBDA {
    for (int64_t o = 0; o < outer; ++o) {
      float* to = squares + window.before + o * inner;
      for (int64_t i = 0; i < inner; ++i) to[i] = x[o * step + i] * x[o * step + i];
    }
    for (int64_t o = 0; o < outer; ++o) {
      const float* from = squares + o * inner;
      for (int64_t i = 0; i < inner; ++i) sums[i] = 0;
      for (int64_t tap = 0; tap <= window.before + window.after; ++tap) {
        for (int64_t i = 0; i < inner; ++i) sums[i] += from[tap + i];
      }
      for (int64_t i = 0; i < inner; ++i) y[o * step + i] = normalise(window, x[o * step + i], sums[i]);
    }
  });
}

class LrnKernel final : public Kernel {
 public:
  LrnKernel(const LayerDesc& layer, Layout layout)
      : window_(Window::of(layer)), desc_(layer.outputs[0].with(layout)), form_(ChannelForm::of(desc_)) {}

  /// Floats that a thread needs where channels lie together: squares and sums.
  static int64_t scratch(const ChannelForm& form, const Window& window) {
    const int64_t floats = form.channels() + window.before + window.after + form.inner;
    return (floats + 15) / 16 * 16;
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    if (form_.inner == 1 && desc_.layout == Layout::nchw) {
      const int64_t chunks = (form_.pixels + chunk - 1) / chunk;
      parallel_slices(threads, form_.images * chunks, 1, 1, [&](Slice slice, int) {
        for (int64_t index = slice.first; index < slice.last; ++index) {
          const int64_t first = index % chunks * chunk;
          const int64_t at = index / chunks * form_.outer * form_.pixels + first;
          normalise_planes(window_, x + at, y + at, form_.outer, form_.pixels,
                           std::min(chunk, form_.pixels - first));
        }
      });
      return Status::ok();
    }
    float* workspace = reinterpret_cast<float*>(args.workspace.host());
    const int64_t own = scratch(form_, window_);
    parallel_slices(threads, form_.images * form_.pixels, 1, 16, [&](Slice slice, int thread) {
      float* squares = workspace + thread * own;
      float* sums = squares + own - form_.inner;
      std::fill(squares, squares + own, 0.0f);
      for (int64_t index = slice.first; index < slice.last; ++index) {
        const int64_t at =
            (index / form_.pixels * form_.outer * form_.pixels + index % form_.pixels) * form_.inner;
        normalise_pixel(window_, x + at, y + at, form_.outer, form_.inner, form_.pixels * form_.inner,
                        squares, sums);
      }
    });
    return Status::ok();
  }

 private:
  Window window_;
  TensorDesc desc_;
  ChannelForm form_;
};

class LrnPrimitive final : public Primitive {
 public:
  explicit LrnPrimitive(Layout layout) : Primitive(native_info(OpKind::lrn, "loop", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (layer.inputs[0].desc.shape.rank() != 4) return Support::no("rank 4 only");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    const LrnParams& params = layer.as<LrnParams>();
    // The logarithm wants a normal number.
    if (!(params.bias > 1e-30f) || !(params.alpha >= 0) || !std::isfinite(params.beta)) {
      return Support::no("wants bias > 0, alpha >= 0 and a finite beta");
    }
    return Support::yes();
  }
  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    if (info().input == Layout::nchw) return 0;
    const ChannelForm form = ChannelForm::of(layer.outputs[0].with(info().output));
    return static_cast<size_t>(LrnKernel::scratch(form, Window::of(layer)) * std::max(1, threads)) *
           sizeof(float);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<LrnKernel>(layer, info().input);
  }
};

}  // namespace

void register_lrn_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<LrnPrimitive>(layout));
}

}  // namespace raceline
