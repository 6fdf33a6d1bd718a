// For each row of indices, the run of elements behind the place they name. An index outside of its axis fails
// the run; what was written before it is unspecified.
#include <cstring>

#include "raceline/kernels/reference/indices.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const int first = static_cast<int>(layer.as<GatherNdParams>().batch_dims);
  const TensorDesc& data = layer.inputs[0].desc;
  const Shape& indices = layer.inputs[1].desc.shape;
  const int64_t depth = indices[indices.rank() - 1];
  const int64_t batches = data.shape.elements(0, first);
  const int64_t rows = indices.elements(first, indices.rank() - 1);
  const size_t item = size_of(data.type);
  const int behind = first + static_cast<int>(depth);
  const size_t bytes = static_cast<size_t>(data.shape.elements(behind, data.shape.rank())) * item;
  const size_t batch_bytes = static_cast<size_t>(data.shape.elements(first, data.shape.rank())) * item;
  const std::byte* x = args.inputs[0].data<std::byte>();
  std::byte* y = args.outputs[0].data<std::byte>();
  for (int64_t batch = 0; batch < batches; ++batch, x += batch_bytes) {
    for (int64_t row = 0; row < rows; ++row, y += bytes) {
      const int64_t from = offset_at(args.inputs[1], (batch * rows + row) * depth, depth, data.shape, first);
      if (from == no_index) return Status::failed("gather_nd: an index lies outside of its axis");
      if (bytes > 0) std::memcpy(y, x + static_cast<size_t>(from) * item, bytes);
    }
  }
  return Status::ok();
}

}  // namespace

void register_gather_nd_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::gather_nd, "copy", {any_type, run});
}

}  // namespace raceline
