// 3-D convolution: the definition, summed in the layer's type. Any stride, dilation, padding and group.
#include "raceline/kernels/reference/conv_direct.h"
#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_float(layer.outputs[0].type, [&](auto tag) {
    using T = typename decltype(tag)::type;
    run_conv_direct(layer, layer.as<ConvParams>(), args, has_operand(layer, 2), layer.outputs[0].shape,
                    args.outputs[0].data<T>());
  });
}

}  // namespace

void register_conv3d_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::conv3d, "direct", {only_floats, run});
}

}  // namespace raceline
