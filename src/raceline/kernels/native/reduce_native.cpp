// reduce to sum, mean, norm or extreme over neighbouring axes, as one pass over [outer][count][inner]: over
// any such axes in nchw, over height and width in every layout, over channels in nhwc. Limits: f32, no
// products or logarithms.
#include <cmath>

#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/reduce_rows.h"

namespace raceline {
namespace {

/// A tensor as [outer][count][inner], of which the middle goes.
struct ReduceForm {
  int64_t outer = 1, count = 1, inner = 1;
};

/// Of a row-major tensor; absent when the axes don't lie side by side.
std::optional<ReduceForm> plain_form(const Shape& shape, const std::vector<int64_t>& axes) {
  ReduceForm form;
  bool behind = false;  // of the last reduced axis
  size_t next = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const bool reduced = next < axes.size() && axes[next] == axis;
    if (reduced) ++next;
    if (shape[axis] == 1) continue;
    if (reduced && behind) return std::nullopt;
    if (reduced) {
      form.count *= shape[axis];
    } else if (form.count > 1) {
      behind = true;
      form.inner *= shape[axis];
    } else {
      form.outer *= shape[axis];
    }
  }
  return form;
}

std::optional<ReduceForm> form_of(const LayerDesc& layer, Layout layout) {
  const Shape& shape = layer.inputs[0].desc.shape;
  const std::vector<int64_t>& axes = layer.as<ReduceParams>().axes;
  if (layout == Layout::nchw) return plain_form(shape, axes);
  const ChannelForm form = ChannelForm::of(layer.inputs[0].desc.with(layout));
  if (axes == std::vector<int64_t>{2, 3})
    return ReduceForm{form.images * form.outer, form.pixels, form.inner};
  if (layout == Layout::nhwc && axes == std::vector<int64_t>{1})
    return ReduceForm{form.images * form.pixels, form.inner, 1};
  return std::nullopt;
}

std::optional<RowReduction> reduction_of(ReduceKind kind) {
  switch (kind) {
    case ReduceKind::sum:
    case ReduceKind::mean:
      return RowReduction::sum;
    case ReduceKind::max:
      return RowReduction::max;
    case ReduceKind::min:
      return RowReduction::min;
    case ReduceKind::l1:
      return RowReduction::sum_abs;
    case ReduceKind::l2:
    case ReduceKind::sum_square:
      return RowReduction::sum_square;
    case ReduceKind::prod:
    case ReduceKind::log_sum:
    case ReduceKind::log_sum_exp:
      break;
  }
  return std::nullopt;
}

class ReduceKernel final : public Kernel {
 public:
  ReduceKernel(const LayerDesc& layer, Layout layout)
      : kind_(layer.as<ReduceParams>().kind), form_(*form_of(layer, layout)) {}

  Status run(const KernelArgs& args) const noexcept override {
    float* y = args.outputs[0].data<float>();
    const float factor = kind_ == ReduceKind::mean ? 1.0f / static_cast<float>(form_.count) : 1.0f;
    reduce_rows(*reduction_of(kind_), args.inputs[0].data<const float>(), form_.outer, form_.count,
                form_.inner, factor, y, args.queue.threads());
    if (kind_ == ReduceKind::l2) {
      for (int64_t i = 0; i < form_.outer * form_.inner; ++i) y[i] = std::sqrt(y[i]);
    }
    return Status::ok();
  }

 private:
  ReduceKind kind_;
  ReduceForm form_;
};

class ReducePrimitive final : public Primitive {
 public:
  explicit ReducePrimitive(Layout layout) : Primitive(native_info(OpKind::reduce, "rows", layout, layout)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    const ReduceParams& params = layer.as<ReduceParams>();
    if (!reduction_of(params.kind)) return Support::no("no products and no logarithms");
    const Shape& shape = layer.inputs[0].desc.shape;
    if (shape.elements() == 0) return Support::no("nothing to reduce");
    const Layout layout = info().input;
    if (layout != Layout::nchw) {
      if (shape.rank() != 4) return Support::no("rank 4 only");
      if (layer.inputs[0].constant) return Support::no("a constant comes in nchw");
      // An output of another rank has no padded channels.
      if (!params.keep_dims && shape[1] % block_of(layout) != 0)
        return Support::no(fmt::format("channels that don't fill blocks of {}", block_of(layout)));
    }
    if (form_of(layer, layout)) return Support::yes();
    return Support::no(layout == Layout::nchw   ? "the axes don't lie side by side"
                       : layout == Layout::nhwc ? "over height and width, or channels, only"
                                                : "over height and width only");
  }
  LayerLayouts layouts(const LayerDesc& layer) const override {
    return layouts_of_rank_4(layer, info().input, info().output);
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<ReduceKernel>(layer, info().input);
  }
};

}  // namespace

void register_reduce_native(PrimitiveRegistry& registry) {
  for (const Layout layout : all_layouts) registry.add(std::make_unique<ReducePrimitive>(layout));
}

}  // namespace raceline
