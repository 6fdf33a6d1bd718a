// Batch normalisation at inference: (x - mean) * (scale / sqrt(variance + epsilon)) + bias for each channel.
#include <cmath>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const Shape& shape = layer.outputs[0].shape;
  const int64_t inner = shape.elements(2, shape.rank());
  const T epsilon = static_cast<T>(layer.as<BatchNormParams>().epsilon);
  const auto statistic = [&](size_t operand) { return args.inputs[operand].data<T>(); };
  const T* x = statistic(0);
  T* y = args.outputs[0].data<T>();
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t c = 0; c < shape[1]; ++c, x += inner, y += inner) {
      const T factor = statistic(1)[c] / std::sqrt(statistic(4)[c] + epsilon);
      const T mean = statistic(3)[c];
      const T bias = statistic(2)[c];
      for (int64_t i = 0; i < inner; ++i) y[i] = (x[i] - mean) * factor + bias;
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_float(layer.outputs[0].type,
                    [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

Sharing sharing(const LayerDesc&) {
  return Sharing::in_place;
}

}  // namespace

void register_batch_norm_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::batch_norm, "loop", {only_floats, run, sharing});
}

}  // namespace raceline
