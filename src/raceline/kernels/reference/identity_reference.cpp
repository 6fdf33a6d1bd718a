// Identity: a view, in every layout.
#include "raceline/kernels/reference/copy_through.h"

namespace raceline {
namespace {

template <Layout layout>
Support supports(const LayerDesc& layer) {
  if (exists_for(layout, layer.outputs[0].shape)) return Support::yes();
  return Support::no("the layout exists for four dimensions only");
}

template <Layout layout>
void add(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::identity, "view", {supports<layout>, copy_through, is_view}, layout,
                layout);
}

}  // namespace

void register_identity_reference(PrimitiveRegistry& registry) {
  add<Layout::nchw>(registry);
  add<Layout::nhwc>(registry);
  add<Layout::nchw8c>(registry);
  add<Layout::nchw16c>(registry);
}

}  // namespace raceline
