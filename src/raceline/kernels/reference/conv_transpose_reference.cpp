// Transposed convolution in 1 to 3 dimensions: each input element adds its weighted kernel to the output. The
// loops run over rows of the output and gather what falls on them. Summed in the layer's type.
#include <algorithm>

#include "raceline/kernels/common/transposed_axis.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const ConvTransposeParams& params = layer.as<ConvTransposeParams>();
  const Shape& x_shape = layer.inputs[0].desc.shape;
  const Shape& w_shape = layer.inputs[1].desc.shape;
  const Shape& y_shape = layer.outputs[0].shape;
  TransposedAxis axes[3];
  const int spatial = x_shape.rank() - 2;
  for (int i = 0; i < spatial; ++i) {
    const auto at = static_cast<size_t>(i);
    axes[3 - spatial + i] = {x_shape[2 + i],    y_shape[2 + i],      w_shape[2 + i],
                             params.stride[at], params.dilation[at], params.pads_begin[at]};
  }
  const auto& [depth, height, width] = axes;
  const int64_t group_inputs = x_shape[1] / params.group;
  const int64_t group_outputs = w_shape[1];
  const int64_t in_plane = depth.in * height.in * width.in;
  const int64_t kernel_volume = depth.kernel * height.kernel * width.kernel;
  const T* bias = has_operand(layer, 2) ? args.inputs[2].data<T>() : nullptr;
  T* row = args.outputs[0].data<T>();

  for (int64_t n = 0; n < y_shape[0]; ++n) {
    for (int64_t k = 0; k < y_shape[1]; ++k) {
      const int64_t first_input = k / group_outputs * group_inputs;
      const T* image = args.inputs[0].data<T>() + (n * x_shape[1] + first_input) * in_plane;
      const T* weights =
          args.inputs[1].data<T>() + (first_input * group_outputs + k % group_outputs) * kernel_volume;
      for (int64_t od = 0; od < depth.out; ++od) {
        for (int64_t oh = 0; oh < height.out; ++oh, row += width.out) {
          std::fill(row, row + width.out, bias == nullptr ? T{0} : bias[k]);
          for (int64_t kd = 0; kd < depth.kernel; ++kd) {
            const int64_t id = depth.source(od, kd);
            if (id < 0) continue;
            for (int64_t kh = 0; kh < height.kernel; ++kh) {
              const int64_t ih = height.source(oh, kh);
              if (ih < 0) continue;
              for (int64_t kw = 0; kw < width.kernel; ++kw) {
                const int64_t first = width.first(kw);
                const int64_t count = width.last(kw) - first;
                if (count <= 0) continue;
                const T* x = image + (id * height.in + ih) * width.in + first;
                const T* w = weights + (kd * height.kernel + kh) * width.kernel + kw;
                T* y = row + width.target(first, kw);
                for (int64_t c = 0; c < group_inputs; ++c) {
                  const T weight = w[c * group_outputs * kernel_volume];
                  for (int64_t i = 0; i < count; ++i) y[i * width.stride] += weight * x[c * in_plane + i];
                }
              }
            }
          }
        }
      }
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_float(layer.outputs[0].type,
                    [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_conv_transpose_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::conv_transpose, "direct", {only_floats, run});
}

}  // namespace raceline
