// The same tensor in another layout, element by element in the order N, C, H, W. Padded channels of a blocked
// output are written as zeros.
#include <fmt/format.h>

#include "raceline/kernels/reference/element_types.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

/// How far apart neighbours lie, in elements. Channel c is lane c % lanes of block c / lanes.
struct Steps {
  int64_t lanes, block, n, h, w;

  Steps(Layout layout, const Shape& shape) {
    const int64_t pixels = shape[2] * shape[3];
    lanes = block_of(layout);
    const int64_t blocks = (shape[1] + lanes - 1) / lanes;
    w = layout == Layout::nhwc ? shape[1] : lanes;
    h = shape[3] * w;
    block = layout == Layout::nhwc ? 1 : pixels * lanes;
    n = pixels * blocks * lanes;
  }
  int64_t channel(int64_t c) const { return c / lanes * block + c % lanes; }
};

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const ReorderParams& params = layer.as<ReorderParams>();
  const Shape& shape = layer.outputs[0].shape;
  const Steps from(params.from.layout, shape);
  const Steps to(params.to.layout, shape);
  const int64_t channels = shape[1];
  const int64_t padded_channels = (channels + to.lanes - 1) / to.lanes * to.lanes;
  for (int64_t n = 0; n < shape[0]; ++n) {
    for (int64_t c = 0; c < padded_channels; ++c) {
      const T* x = args.inputs[0].data<T>() + n * from.n + (c < channels ? from.channel(c) : 0);
      T* y = args.outputs[0].data<T>() + n * to.n + to.channel(c);
      for (int64_t h = 0; h < shape[2]; ++h) {
        for (int64_t w = 0; w < shape[3]; ++w) {
          y[h * to.h + w * to.w] = c < channels ? x[h * from.h + w * from.w] : T{0};
        }
      }
    }
  }
}

template <Layout from, Layout to>
Support supports(const LayerDesc& layer) {
  const ReorderParams& params = layer.as<ReorderParams>();
  const auto refuse = [&](std::string_view why) {
    return Support::no(fmt::format("{} to {}: {}", params.from.to_string(), params.to.to_string(), why));
  };
  if (params.from.layout != from || params.to.layout != to) return refuse("another pair of layouts");
  if (params.from.type != params.to.type) return refuse("the type changes");
  if (params.from.device != DeviceId{} || params.to.device != DeviceId{}) return refuse("not on the CPU");
  if (layer.outputs[0].shape.rank() != 4) return refuse("layouts exist for four dimensions only");
  return Support::yes();
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  with_bits(layer.outputs[0].type, [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
  return Status::ok();
}

template <Layout from, Layout to>
void add(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::reorder, "loop", {supports<from, to>, run}, from, to);
}

}  // namespace

void register_reorder_reference(PrimitiveRegistry& registry) {
  add<Layout::nchw, Layout::nhwc>(registry);
  add<Layout::nchw, Layout::nchw8c>(registry);
  add<Layout::nchw, Layout::nchw16c>(registry);
  add<Layout::nhwc, Layout::nchw>(registry);
  add<Layout::nhwc, Layout::nchw8c>(registry);
  add<Layout::nhwc, Layout::nchw16c>(registry);
  add<Layout::nchw8c, Layout::nchw>(registry);
  add<Layout::nchw8c, Layout::nhwc>(registry);
  add<Layout::nchw8c, Layout::nchw16c>(registry);
  add<Layout::nchw16c, Layout::nchw>(registry);
  add<Layout::nchw16c, Layout::nhwc>(registry);
  add<Layout::nchw16c, Layout::nchw8c>(registry);
}

}  // namespace raceline
