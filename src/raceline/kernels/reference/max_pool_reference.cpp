// Max pooling by its definition, with the indices of the maxima if the layer asks for them. The first of
// equal elements is taken; NaN counts as largest. A window without element gives the lowest number and index
// -1.
#include <limits>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/pool_window.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
constexpr T lowest() {
  using Limits = std::numeric_limits<T>;
  return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
}

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const PoolAxes axes(layer);
  const auto& [depth, height, width, planes] = axes;
  const bool column_major = layer.as<PoolParams>().column_major;
  const T* x = args.inputs[0].data<T>();
  T* y = args.outputs[0].data<T>();
  int64_t* indices = layer.outputs.size() > 1 ? args.outputs[1].data<int64_t>() : nullptr;

  for (int64_t plane = 0; plane < planes; ++plane) {
    const int64_t base = plane * axes.plane_elements();
    for (int64_t od = 0; od < depth.out; ++od) {
      const PoolWindow wd = depth.window(od);
      for (int64_t oh = 0; oh < height.out; ++oh) {
        const PoolWindow wh = height.window(oh);
        for (int64_t ow = 0; ow < width.out; ++ow) {
          const PoolWindow ww = width.window(ow);
          T best = lowest<T>();
          int64_t at_d = -1, at_h = 0, at_w = 0;
          for (int64_t kd = 0; kd < wd.count; ++kd) {
            const int64_t d = wd.first + kd * depth.dilation;
            for (int64_t kh = 0; kh < wh.count; ++kh) {
              const int64_t h = wh.first + kh * height.dilation;
              const T* row = x + base + (d * height.in + h) * width.in;
              for (int64_t kw = 0; kw < ww.count; ++kw) {
                const int64_t w = ww.first + kw * width.dilation;
                const T value = row[w];
                if (at_d >= 0 && !(value > best) && (value == value || best != best)) continue;
                best = value;
                at_d = d;
                at_h = h;
                at_w = w;
              }
            }
          }
          *y++ = best;
          if (indices == nullptr) continue;
          const int64_t inside = column_major ? (at_w * height.in + at_h) * depth.in + at_d
                                              : (at_d * height.in + at_h) * width.in + at_w;
          *indices++ = at_d < 0 ? -1 : base + inside;
        }
      }
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_number(layer.outputs[0].type,
                     [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

}  // namespace

void register_max_pool_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::max_pool, "direct", {only_numbers, run});
}

}  // namespace raceline
