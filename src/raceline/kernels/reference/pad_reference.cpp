// Padding by a constant, reflection, the edge or periodically. Negative pads cut first: the other modes pad
// from what is left.
#include <algorithm>

#include <fmt/format.h>

#include "raceline/kernels/common/scalar_math.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

struct Axis {
  int64_t out = 0;    ///< extent of the output
  int64_t begin = 0;  ///< elements before the kept ones
  int64_t kept = 0;   ///< elements of the input that are left
  int64_t first = 0;  ///< the first of them
  int64_t x_stride = 0;
  int64_t y_block = 0;  ///< elements of the output behind one position

  /// The input position for an output position; -1 for a constant.
  int64_t source(int64_t o, PadMode mode) const {
    int64_t i = o - begin;
    if (i >= 0 && i < kept) return first + i;
    switch (mode) {
      case PadMode::constant:
        return -1;
      case PadMode::edge:
        return first + std::clamp<int64_t>(i, 0, kept - 1);
      case PadMode::reflect: {
        if (kept == 1) return first;
        const int64_t period = 2 * (kept - 1);
        i = ((i % period) + period) % period;
        return first + std::min(i, period - i);
      }
      case PadMode::wrap:
        return first + ((i % kept) + kept) % kept;
    }
    return -1;
  }
};

template <class T>
struct Padding {
  Axis axes[Shape::max_rank];
  int rank;
  PadMode mode;
  T value;

  T* run(int axis, const T* x, T* y) const {
    if (axis == rank) {
      *y = *x;
      return y + 1;
    }
    const Axis& at = axes[axis];
    for (int64_t o = 0; o < at.out; ++o) {
      const int64_t i = at.source(o, mode);
      y = i < 0 ? std::fill_n(y, at.y_block, value) : run(axis + 1, x + i * at.x_stride, y);
    }
    return y;
  }
};

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args, T value) {
  const PadParams& params = layer.as<PadParams>();
  const Shape& x = layer.inputs[0].desc.shape;
  const Shape& y = layer.outputs[0].shape;
  if (y.elements() == 0) return;
  Padding<T> padding{{}, x.rank(), params.mode, value};
  const auto x_strides = x.strides();
  const auto y_strides = y.strides();
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto at = static_cast<size_t>(axis);
    const int64_t cut_begin = std::max<int64_t>(0, -params.begin[at]);
    const int64_t cut_end = std::max<int64_t>(0, -params.end[at]);
    padding.axes[axis] = {y[axis],
                          std::max<int64_t>(0, params.begin[at]),
                          x[axis] - cut_begin - cut_end,
                          cut_begin,
                          x_strides[at],
                          y_strides[at]};
  }
  padding.run(0, args.inputs[0].data<T>(), args.outputs[0].data<T>());
}

Support supports(const LayerDesc& layer) {
  const DataType type = layer.outputs[0].type;
  return is_half(type) ? Support::no(fmt::format("{} is padded as f32", to_string(type))) : Support::yes();
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const double value = layer.as<PadParams>().value;
  return with_element(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_type<Stored<T>>(layer, args, static_cast<Stored<T>>(saturate_cast<T>(value)));
  });
}

}  // namespace

void register_pad_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::pad, "loop", {supports, run});
}

}  // namespace raceline
