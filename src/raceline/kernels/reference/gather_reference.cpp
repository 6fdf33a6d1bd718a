// Gather: for each position before the axis and each index, the run of elements behind it. An index outside
// of the axis fails the run; what was written before it is unspecified.
#include <cstring>

#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const int axis = static_cast<int>(layer.as<GatherParams>().axis);
  const TensorDesc& data = layer.inputs[0].desc;
  const TensorDesc& indices = layer.inputs[1].desc;
  const size_t bytes =
      static_cast<size_t>(data.shape.elements(axis + 1, data.shape.rank())) * size_of(data.type);
  const int64_t extent = data.shape[axis];
  const int64_t outer = data.shape.elements(0, axis);
  const int64_t count = indices.shape.elements();
  const std::byte* x = args.inputs[0].data<std::byte>();
  std::byte* y = args.outputs[0].data<std::byte>();
  for (int64_t o = 0; o < outer; ++o, x += static_cast<size_t>(extent) * bytes) {
    for (int64_t i = 0; i < count; ++i, y += bytes) {
      const int64_t index = index_at(args.inputs[1], i, extent);
      if (index == no_index) return Status::failed("gather: an index lies outside of the axis");
      std::memcpy(y, x + static_cast<size_t>(index) * bytes, bytes);
    }
  }
  return Status::ok();
}

}  // namespace

void register_gather_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::gather, "copy", {any_type, run});
}

}  // namespace raceline
