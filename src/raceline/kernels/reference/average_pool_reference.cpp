// Average pooling by its definition, summed in the layer's type. A window without element gives 0.
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/pool_window.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const PoolAxes axes(layer);
  const auto& [depth, height, width, planes] = axes;
  const bool include_pad = layer.as<PoolParams>().count_include_pad;
  T* y = args.outputs[0].data<T>();

  for (int64_t plane = 0; plane < planes; ++plane) {
    const T* x = args.inputs[0].data<T>() + plane * axes.plane_elements();
    for (int64_t od = 0; od < depth.out; ++od) {
      const PoolWindow wd = depth.window(od);
      for (int64_t oh = 0; oh < height.out; ++oh) {
        const PoolWindow wh = height.window(oh);
        for (int64_t ow = 0; ow < width.out; ++ow) {
          const PoolWindow ww = width.window(ow);
          T sum = 0;
          for (int64_t kd = 0; kd < wd.count; ++kd) {
            for (int64_t kh = 0; kh < wh.count; ++kh) {
              const int64_t d = wd.first + kd * depth.dilation;
              const int64_t h = wh.first + kh * height.dilation;
              const T* row = x + (d * height.in + h) * width.in + ww.first;
              for (int64_t kw = 0; kw < ww.count; ++kw) sum += row[kw * width.dilation];
            }
          }
          const int64_t count =
              include_pad ? wd.counted * wh.counted * ww.counted : wd.count * wh.count * ww.count;
          *y++ = count == 0 ? T{0} : sum / static_cast<T>(count);
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

void register_average_pool_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::average_pool, "direct", {only_floats, run});
}

}  // namespace raceline
