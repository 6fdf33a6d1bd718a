// slice by copying runs: axes that are taken whole are joined to the one before them, and what is left is a
// copy of rows. In every layout; of blocks whole ones only. Limits: f32.
#include <array>
#include <cstring>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"

namespace raceline {
namespace {

/// An axis as it lies in memory.
struct Axis {
  int64_t extent, start, size, step;
};

/// The axes of a slice in the order of memory; absent when a block would be cut.
std::optional<std::vector<Axis>> axes_of(const LayerDesc& layer, Layout layout) {
  const Shape& x = layer.inputs[0].desc.shape;
  const SliceParams& p = layer.as<SliceParams>();
  const auto axis = [&](int index) {
    const auto at = static_cast<size_t>(index);
    return Axis{x[index], p.start[at], p.size[at], p.size[at] == 1 ? 1 : p.step[at]};
  };
  std::vector<Axis> axes;
  if (layout == Layout::nchw) {
    for (int index = 0; index < x.rank(); ++index) axes.push_back(axis(index));
    return axes;
  }
  if (layout == Layout::nhwc) return std::vector<Axis>{axis(0), axis(2), axis(3), axis(1)};
  const int64_t block = block_of(layout);
  const Axis channels = axis(1);
  const int64_t end = channels.start + channels.size;
  if (channels.step != 1 || channels.start % block != 0 || (end % block != 0 && end != channels.extent))
    return std::nullopt;
  const auto blocks = [&](int64_t count) { return (count + block - 1) / block; };
  return std::vector<Axis>{axis(0),
                           {blocks(channels.extent), channels.start / block, blocks(channels.size), 1},
                           axis(2),
                           axis(3),
                           {block, 0, block, 1}};
}

class SliceKernel final : public Kernel {
 public:
  SliceKernel(const LayerDesc& layer, Layout layout) {
    int64_t stride = 1;
    const std::vector<Axis> axes = *axes_of(layer, layout);
    bool whole = true;  // all axes so far
    for (size_t index = axes.size(); index-- > 0;) {
      const Axis& axis = axes[index];
      start_ += axis.start * stride;
      if (whole && axis.step == 1) {
        run_ *= axis.size;
        whole = axis.size == axis.extent;
      } else if (rank_ == 0 && run_ == 1) {
        // Elements of the last axis that lie apart are a run all the same.
        run_ = axis.size;
        step_ = axis.step * stride;
        whole = false;
      } else {
        sizes_[rank_] = axis.size;
        strides_[rank_++] = axis.step * stride;
        rows_ *= axis.size;
        whole = false;
      }
      stride *= axis.extent;
    }
  }

  Status run(const KernelArgs& args) const noexcept override {
    const float* x = args.inputs[0].data<const float>() + start_;
    float* y = args.outputs[0].data<float>();
    parallel_slices(args.queue.threads(), rows_, 1, 16384 / std::max<int64_t>(1, run_), [&](Slice rows, int) {
      for (int64_t row = rows.first; row < rows.last; ++row) copy(x + place_of(row), y + row * run_);
    });
    return Status::ok();
  }

 private:
  int64_t place_of(int64_t row) const {
    int64_t place = 0;
    for (size_t axis = 0; axis < rank_; ++axis) {
      place += row % sizes_[axis] * strides_[axis];
      row /= sizes_[axis];
    }
    return place;
  }
  void copy(const float* from, float* to) const {
    if (step_ == 1) {
      std::memcpy(to, from, static_cast<size_t>(run_) * sizeof(float));
    } else {
      for (int64_t i = 0; i < run_; ++i) to[i] = from[i * step_];
    }
  }

  int64_t start_ = 0, run_ = 1, step_ = 1, rows_ = 1;
  size_t rank_ = 0;  ///< axes of rows, the innermost first
  std::array<int64_t, Shape::max_rank> sizes_{}, strides_{};
};

class SlicePrimitive final : public Primitive {
 public:
  explicit SlicePrimitive(Layout layout) : Primitive(native_info(OpKind::slice, "copy", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (layer.outputs[0].shape.elements() == 0) return Support::no("no outputs");
    const Layout layout = info().output;
    if (const Support laid = needs_layout(layer, layout); !laid) return laid;
    if (layer.inputs[0].constant && layout != Layout::nchw) return Support::no("a constant comes in nchw");
    if (!axes_of(layer, layout)) return Support::no("cuts a block of channels");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<SliceKernel>(layer, info().output);
  }
};

}  // namespace

void register_slice_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<SlicePrimitive>(layout));
}

}  // namespace raceline
