// Reshape: a view of a row-major tensor. An image of one pixel is row-major in any layout, as long as its
// channels fill the blocks: so the step from a convolution in nhwc or nchw16c to a classifier costs nothing.
#include <fmt/format.h>

#include "raceline/kernels/reference/copy_through.h"

namespace raceline {
namespace {

/// Whether a tensor in this layout has its elements in row-major order, without padding.
Support is_row_major(Layout layout, const Shape& shape) {
  if (layout == Layout::nchw) return Support::yes();
  if (!exists_for(layout, shape))
    return Support::no(fmt::format("{} has no layout {}", shape.to_string(), to_string(layout)));
  const bool one_channel = layout == Layout::nhwc && shape[1] == 1;
  if (shape[2] * shape[3] != 1 && !one_channel) {
    return Support::no(fmt::format("{} in {} is not row-major: the image has more than one pixel",
                                   shape.to_string(), to_string(layout)));
  }
  if (shape[1] % block_of(layout) == 0) return Support::yes();
  return Support::no(
      fmt::format("the channels of {} do not fill blocks of {}", shape.to_string(), block_of(layout)));
}

template <Layout input, Layout output>
Support supports(const LayerDesc& layer) {
  Support support = is_row_major(input, layer.inputs[0].desc.shape);
  return support ? is_row_major(output, layer.outputs[0].shape) : support;
}

template <Layout input, Layout output>
void add(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::reshape, "view", {supports<input, output>, copy_through, is_view}, input,
                output);
}

}  // namespace

void register_reshape_reference(PrimitiveRegistry& registry) {
  add<Layout::nchw, Layout::nchw>(registry);
  add<Layout::nhwc, Layout::nchw>(registry);
  add<Layout::nchw8c, Layout::nchw>(registry);
  add<Layout::nchw16c, Layout::nchw>(registry);
  add<Layout::nchw, Layout::nhwc>(registry);
  add<Layout::nchw, Layout::nchw8c>(registry);
  add<Layout::nchw, Layout::nchw16c>(registry);
}

}  // namespace raceline
