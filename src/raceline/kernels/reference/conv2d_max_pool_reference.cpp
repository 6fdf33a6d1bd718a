// 2-D convolution and the largest of each window of its results, which lie in the workspace: the definition,
// summed in the layer's type. NaN counts as largest.
#include "raceline/kernels/reference/conv_direct.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/extreme.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Shape results_of(const LayerDesc& layer) {
  return layer.as<ConvMaxPoolParams>().results(layer.outputs[0].shape);
}

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const auto& p = layer.as<ConvMaxPoolParams>();
  const Shape shape = results_of(layer);
  T* const results = reinterpret_cast<T*>(args.workspace.host());
  run_conv_direct(layer, p.conv, args, has_operand(layer, 2), shape, results);
  const int64_t rows = p.window[0], columns = p.window[1], row_step = shape[3];
  T* y = args.outputs[0].data<T>();
  for (int64_t row = 0; row < shape.elements(0, 3); row += rows) {
    for (int64_t column = 0; column < shape[3]; column += columns) {
      const T* const window = results + row * row_step + column;
      T largest = *window;
      for (int64_t at = 1; at < rows * columns; ++at) {
        const T value = window[at / columns * row_step + at % columns];
        if (less_than(largest, value)) largest = value;
      }
      *y++ = largest;
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_float(layer.outputs[0].type,
                    [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

size_t workspace_bytes(const LayerDesc& layer) {
  return TensorDesc{layer.outputs[0].type, results_of(layer)}.bytes();
}

}  // namespace

void register_conv2d_max_pool_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::conv2d_max_pool, "direct",
                {.supports = only_floats, .run = run, .workspace_bytes = workspace_bytes});
}

}  // namespace raceline
