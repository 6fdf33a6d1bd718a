// Local response normalisation across channels by its definition. The window of channel c is
// [c - (size - 1) / 2, c + size / 2], clipped; sums are in the layer's type.
#include <algorithm>
#include <cmath>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const LrnParams& params = layer.as<LrnParams>();
  const Shape& shape = layer.outputs[0].shape;
  const int64_t channels = shape[1];
  const int64_t inner = shape.elements(2, shape.rank());
  const T factor = static_cast<T>(params.alpha) / static_cast<T>(params.size);
  const T* x = args.inputs[0].data<T>();
  T* y = args.outputs[0].data<T>();
  for (int64_t n = 0; n < shape[0]; ++n, x += channels * inner) {
    for (int64_t c = 0; c < channels; ++c, y += inner) {
      const int64_t first = std::max<int64_t>(0, c - (params.size - 1) / 2);
      const int64_t last = std::min(channels - 1, c + params.size / 2);
      std::fill(y, y + inner, T{0});
      for (int64_t other = first; other <= last; ++other) {
        const T* neighbour = x + other * inner;
        for (int64_t i = 0; i < inner; ++i) y[i] += neighbour[i] * neighbour[i];
      }
      for (int64_t i = 0; i < inner; ++i) {
        const T base = static_cast<T>(params.bias) + factor * y[i];
        y[i] = x[c * inner + i] / std::pow(base, static_cast<T>(params.beta));
      }
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_float(layer.outputs[0].type,
                    [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_lrn_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::lrn, "direct", {only_floats, run});
}

}  // namespace raceline
