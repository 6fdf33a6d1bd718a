// resize of the two spatial axes, to the nearest element or bilinear, in every layout: what decoders, feature
// pyramids and segmentation heads ask for. Bilinear rows are mixed from two rows of the image first and along
// the row then, so that each output costs two multiply-adds and each element of the image few more. Where
// elements come from is tabulated when the kernel is made. Limits: f32, rank 4, no cubic, no antialias, no
// regions.
#include <cstring>
#include <limits>
#include <vector>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/common/resize_position.h"
#include "raceline/kernels/common/target.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// Where the outputs of one axis come from: output i is (1 - share[i]) of element low[i] and share[i] of
/// high[i].
struct Sources {
  std::vector<int32_t> low, high;
  std::vector<float> share;
  bool doubles = true;  ///< every element is taken twice

  Sources(const ResizeAxis& axis, Interpolation mode) {
    for (int64_t i = 0; i < axis.out; ++i) {
      const double position = axis.position(i);
      if (mode == Interpolation::nearest) {
        low.push_back(static_cast<int32_t>(axis.kept ? i : axis.nearest(position)));
      } else {
        const double below = std::floor(position);
        const auto inside = [&](double at) {
          return static_cast<int32_t>(std::clamp(at, 0.0, static_cast<double>(axis.in - 1)));
        };
        low.push_back(inside(below));
        high.push_back(inside(below + 1));
        share.push_back(static_cast<float>(position - below));
      }
      doubles = doubles && low.back() == i / 2;
    }
  }
};

void repeat_pixels(const float* x, float* y, const Sources& columns, int64_t lanes) {
  const auto count = static_cast<int64_t>(columns.low.size());
  const int32_t* low = columns.low.data();
  if (lanes == 1 && columns.doubles) {
    vectorised([=]() RACELINE_LAMBDA {
      for (int64_t i = 0; i < count / 2; ++i) y[2 * i] = y[2 * i + 1] = x[i];
    });
    if (count % 2 != 0) y[count - 1] = x[count / 2];
  } else if (lanes == 1) {
    vectorised([=]() RACELINE_LAMBDA {
      for (int64_t i = 0; i < count; ++i) y[i] = x[low[i]];
    });
  } else if (lanes == 8) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(y + i * 8, x + low[i] * int64_t{8}, 8 * sizeof(float));
  } else if (lanes == 16) {
    for (int64_t i = 0; i < count; ++i) std::memcpy(y + i * 16, x + low[i] * int64_t{16}, 16 * sizeof(float));
  } else {
    for (int64_t i = 0; i < count; ++i) std::copy_n(x + low[i] * lanes, lanes, y + i * lanes);
  }
}

/// y = (1 - share) * a + share * b.
void mix(const float* a, const float* b, float share, float* y, int64_t count) {
  vectorised([=]() RACELINE_LAMBDA {
    const float rest = 1 - share;
    for (int64_t i = 0; i < count; ++i) y[i] = rest * a[i] + share * b[i];
  });
}

template <int64_t fixed_lanes>
void mix_pixels(const float* x, float* y, const Sources& columns, int64_t any_lanes) {
  const int64_t lanes = fixed_lanes > 0 ? fixed_lanes : any_lanes;
  const auto count = static_cast<int64_t>(columns.low.size());
  const int32_t* low = columns.low.data();
  const int32_t* high = columns.high.data();
  const float* share = columns.share.data();
  vectorised([=]() RACELINE_LAMBDA {
    if (fixed_lanes == 1) {
      for (int64_t i = 0; i < count; ++i) y[i] = (1 - share[i]) * x[low[i]] + share[i] * x[high[i]];
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      const float* a = x + low[i] * lanes;
      const float* b = x + high[i] * lanes;
      const float rest = 1 - share[i];
      for (int64_t lane = 0; lane < lanes; ++lane) y[i * lanes + lane] = rest * a[lane] + share[i] * b[lane];
    }
  });
}

class ResizeKernel final : public Kernel {
 public:
  ResizeKernel(const LayerDesc& layer, Layout layout)
      : form_(ChannelForm::of(layer.outputs[0].with(layout))),
        height_(layer.inputs[0].desc.shape[2]),
        width_(layer.inputs[0].desc.shape[3]),
        out_h_(layer.outputs[0].shape[2]),
        out_w_(layer.outputs[0].shape[3]),
        linear_(layer.as<ResizeParams>().mode == Interpolation::linear),
        rows_(ResizeAxis::of(layer, 2), layer.as<ResizeParams>().mode),
        columns_(ResizeAxis::of(layer, 3), layer.as<ResizeParams>().mode) {}

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>();
    float* y = args.outputs[0].data<float>();
    float* scratch = reinterpret_cast<float*>(args.workspace.host());
    const int64_t in_row = width_ * form_.inner;
    const int64_t out_row = out_w_ * form_.inner;
    parallel_slices(args.queue.threads(), form_.images * form_.outer * out_h_, 1,
                    16384 / std::max<int64_t>(1, out_row), [&](Slice slice, int thread) {
                      for (int64_t row = slice.first; row < slice.last; ++row) {
                        const float* plane = x + row / out_h_ * height_ * in_row;
                        const auto at = static_cast<size_t>(row % out_h_);
                        float* to = y + row * out_row;
                        if (linear_) {
                          mix_row(plane, at, to, scratch + thread * in_row);
                        } else if (row > slice.first && at > 0 && rows_.low[at] == rows_.low[at - 1]) {
                          std::copy_n(to - out_row, out_row, to);
                        } else {
                          repeat_pixels(plane + rows_.low[at] * in_row, to, columns_, form_.inner);
                        }
                      }
                    });
    return Status::ok();
  }

 private:
  void mix_row(const float* plane, size_t row, float* to, float* scratch) const {
    const int64_t size = width_ * form_.inner;
    const float* from = plane + rows_.low[row] * size;
    if (rows_.share[row] != 0 && rows_.low[row] != rows_.high[row]) {
      mix(from, plane + rows_.high[row] * size, rows_.share[row], scratch, size);
      from = scratch;
    }
    switch (form_.inner) {
      case 1:
        return mix_pixels<1>(from, to, columns_, 1);
      case 8:
        return mix_pixels<8>(from, to, columns_, 8);
      case 16:
        return mix_pixels<16>(from, to, columns_, 16);
      default:
        return mix_pixels<0>(from, to, columns_, form_.inner);
    }
  }

  ChannelForm form_;
  int64_t height_, width_, out_h_, out_w_;
  bool linear_;
  Sources rows_, columns_;
};

class ResizePrimitive final : public Primitive {
 public:
  explicit ResizePrimitive(Layout layout) : Primitive(native_info(OpKind::resize, "loop", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const auto& p = layer.as<ResizeParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    if (x.rank() != 4) return Support::no("rank 4 only");
    if (p.mode == Interpolation::cubic) return Support::no("mode nearest or linear only");
    if (p.antialias) return Support::no("no antialias");
    if (p.place == ResizePlace::tf_crop_and_resize) return Support::no("no regions");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    for (int axis = 0; axis < 4; ++axis) {
      if (axis < 2 && !ResizeAxis::of(layer, axis).kept) return Support::no("spatial axes only");
      if (std::max(x[axis], layer.outputs[0].shape[axis]) > std::numeric_limits<int32_t>::max())
        return Support::no("an axis of 2^31 elements or more");
    }
    return Support::yes();
  }

  /// A row of the image for each thread.
  size_t workspace_bytes(const LayerDesc& layer, int threads) const override {
    if (layer.as<ResizeParams>().mode == Interpolation::nearest) return 0;
    const ChannelForm form = ChannelForm::of(layer.inputs[0].desc.with(info().input));
    return static_cast<size_t>(layer.inputs[0].desc.shape[3] * form.inner) *
           static_cast<size_t>(std::max(1, threads)) * sizeof(float);
  }

  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<ResizeKernel>(layer, info().input);
  }
};

}  // namespace

void register_resize_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<ResizePrimitive>(layout));
}

}  // namespace raceline
