// Each update acts on the element at its own position but for one axis, where the index says. An index
// outside of the axis fails the run; what was written before it is unspecified.
#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/scatter.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return run_scatter(layer, args, [&](auto* y, const auto* updates, auto put) {
    const bool inside = each_element_index(args.inputs[1], layer.outputs[0].shape,
                                           static_cast<int>(layer.as<ScatterParams>().axis),
                                           [&](int64_t i, int64_t to) { put(y[to], updates[i]); });
    return inside ? Status::ok() : Status::failed("scatter_elements: an index lies outside of the axis");
  });
}

}  // namespace

void register_scatter_elements_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::scatter_elements, "loop", {supports_scatter, run, scatters_in_place});
}

}  // namespace raceline
