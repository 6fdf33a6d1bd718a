// Softmax and its logarithm over a range of axes taken as one. The largest element is subtracted first, so
// that nothing overflows; exponentials are in the layer's type, their sum in double.
#include <cmath>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// One line of `count` elements a stride apart; x and y may be the same.
template <class T>
void run_line(const T* x, T* y, int64_t count, int64_t stride, bool log) {
  T largest = x[0];
  for (int64_t i = 1; i < count; ++i) {
    if (x[i * stride] > largest) largest = x[i * stride];
  }
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const T shifted = x[i * stride] - largest;
    const T exponential = std::exp(shifted);
    sum += static_cast<double>(exponential);
    y[i * stride] = log ? shifted : exponential;
  }
  const T divisor = static_cast<T>(sum);
  const T log_sum = static_cast<T>(std::log(sum));
  for (int64_t i = 0; i < count; ++i) {
    y[i * stride] = log ? y[i * stride] - log_sum : y[i * stride] / divisor;
  }
}

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const SoftmaxParams& params = layer.as<SoftmaxParams>();
  const Shape& shape = layer.outputs[0].shape;
  const int first_axis = static_cast<int>(params.first_axis);
  const int end_axis = static_cast<int>(params.end_axis);
  const int64_t count = shape.elements(first_axis, end_axis);
  const int64_t inner = shape.elements(end_axis, shape.rank());
  const int64_t outer = count == 0 ? 0 : shape.elements(0, first_axis);
  const T* x = args.inputs[0].data<T>();
  T* y = args.outputs[0].data<T>();
  for (int64_t o = 0; o < outer; ++o, x += count * inner, y += count * inner) {
    for (int64_t i = 0; i < inner; ++i) run_line(x + i, y + i, count, inner, params.log);
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

void register_softmax_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::softmax, "loop", {only_floats, run, sharing});
}

}  // namespace raceline
