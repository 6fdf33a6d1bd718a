// Resampling of oneDNN: generated kernels and its plain loops. The library has one place of elements,
// half_pixel, and one rounding to the nearest; a layer is taken only where both give what the layer wants.
// "ref:any" is left out on purpose.
#include <cmath>

#include "raceline/kernels/common/resize_position.h"
#include "raceline/kernels/onednn/onednn_primitive.h"

namespace raceline {
namespace {

using namespace onednn;

// The generated kernel is named for the best instruction set of the machine, bf16 or not.
constexpr Implementation rows[] = {
    {"jit:avx512_core*", "jit", "avx512_core", all_layouts},
    {"jit:avx2", "jit", "avx2", all_layouts},
    {"jit:avx", "jit", "avx", all_layouts},
    {"jit:sse41", "jit", "sse41", all_layouts},
    {"simple:any", "simple", "", all_layouts},
};

/// Whether the library's place of every output of the axis is the layer's: computed as it does, in float.
bool same_nearest(const ResizeAxis& axis) {
  for (int64_t i = 0; i < axis.out; ++i) {
    const float place =
        (static_cast<float>(i) + 0.5f) * static_cast<float>(axis.in) / static_cast<float>(axis.out) - 0.5f;
    if (static_cast<int64_t>(std::round(place)) != (axis.kept ? i : axis.nearest(axis.position(i))))
      return false;
  }
  return true;
}

bool same_linear(const ResizeAxis& axis) {
  if (axis.kept) return true;
  if (!axis.exact) return false;
  return axis.place == ResizePlace::half_pixel || axis.place == ResizePlace::half_pixel_symmetric ||
         (axis.place == ResizePlace::pytorch_half_pixel && axis.out > 1);
}

class OnednnResize final : public OnednnPrimitive {
 public:
  using OnednnPrimitive::OnednnPrimitive;

  /// The library computes places in float: their error grows with the extent of the image.
  std::optional<double> error_bound(const LayerDesc& layer) const override {
    if (layer.as<ResizeParams>().mode == Interpolation::nearest) return std::nullopt;
    const Shape& x = layer.inputs[0].desc.shape;
    double extents = 16;
    for (int axis = 2; axis < x.rank(); ++axis) extents += 4 * static_cast<double>(x[axis]);
    return extents * 0x1p-24;
  }

 protected:
  Support check(const LayerDesc& layer) const override {
    const auto& p = layer.as<ResizeParams>();
    const Shape& x = layer.inputs[0].desc.shape;
    if (x.rank() < 3 || x.rank() > 5) return Support::no("one to three spatial axes only");
    if (p.mode == Interpolation::cubic) return Support::no("mode nearest or linear only");
    if (p.antialias) return Support::no("no antialias");
    if (p.place == ResizePlace::tf_crop_and_resize) return Support::no("no regions");
    if (layer.inputs[0].constant && info().input != Layout::nchw)
      return Support::no("a constant comes in nchw");
    for (int axis = 0; axis < x.rank(); ++axis) {
      const ResizeAxis along = ResizeAxis::of(layer, axis);
      if (axis < 2 && !along.kept) return Support::no("spatial axes only");
      const bool same = p.mode == Interpolation::nearest ? same_nearest(along) : same_linear(along);
      if (!same) return Support::no("the library places or rounds the elements otherwise");
    }
    return Support::yes();
  }

  Question question(const LayerDesc& layer) const override {
    const auto input = memory_desc(layer.inputs[0].desc.shape, info().input);
    const auto output = memory_desc(layer.outputs[0].shape, info().output);
    const auto algorithm = layer.as<ResizeParams>().mode == Interpolation::nearest
                               ? dnnl::algorithm::resampling_nearest
                               : dnnl::algorithm::resampling_linear;
    Question question;
    question.add_operand(DNNL_ARG_SRC, 0, input);
    question.add_output(output);
    question.offers = offers_of(
        dnnl::resampling_forward::desc(dnnl::prop_kind::forward_inference, algorithm, input, output));
    return question;
  }
};

}  // namespace

void register_resize_onednn(PrimitiveRegistry& registry) {
  add_rows<OnednnResize>(registry, OpKind::resize, rows);
}

}  // namespace raceline
