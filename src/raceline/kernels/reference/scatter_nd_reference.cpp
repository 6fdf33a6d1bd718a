// Each row of indices names a place, on whose elements a run of updates acts. An index outside of its axis
// fails the run; what was written before it is unspecified.
#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/scatter.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const Shape& data = layer.outputs[0].shape;
  const Shape& indices = layer.inputs[1].desc.shape;
  const int64_t depth = indices[indices.rank() - 1];
  const int64_t rows = indices.elements(0, indices.rank() - 1);
  const int64_t count = data.elements(static_cast<int>(depth), data.rank());
  return run_scatter(layer, args, [&](auto* y, const auto* updates, auto put) {
    for (int64_t row = 0; row < rows; ++row, updates += count) {
      const int64_t to = offset_at(args.inputs[1], row * depth, depth, data, 0);
      if (to == no_index) return Status::failed("scatter_nd: an index lies outside of its axis");
      for (int64_t i = 0; i < count; ++i) put(y[to + i], updates[i]);
    }
    return Status::ok();
  });
}

}  // namespace

void register_scatter_nd_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::scatter_nd, "loop", {supports_scatter, run, scatters_in_place});
}

}  // namespace raceline
