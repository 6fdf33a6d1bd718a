// The slices along an axis for which a condition holds.
#include "raceline/kernels/reference/extents.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

Status run(const LayerDesc& layer, const KernelArgs& args) {
  const int axis = static_cast<int>(layer.as<CompressParams>().axis);
  const TensorDesc& data = layer.inputs[0].desc;
  const int64_t conditions = layer.inputs[1].desc.shape[0];
  const size_t bytes =
      static_cast<size_t>(data.shape.elements(axis + 1, data.shape.rank())) * size_of(data.type);
  const int64_t outer = data.shape.elements(0, axis);
  const uint8_t* condition = args.inputs[1].data<uint8_t>();
  const int64_t kept =
      std::count_if(condition, condition + conditions, [](uint8_t holds) { return holds != 0; });
  clear_output(args);
  write_extents(args, axis, kept);
  if (layer.outputs[0].bytes() == 0) return Status::ok();
  const std::byte* x = args.inputs[0].data<std::byte>();
  std::byte* y = args.outputs[0].data<std::byte>();
  for (int64_t o = 0; o < outer; ++o) {
    std::byte* to = y + static_cast<size_t>(o * conditions) * bytes;
    for (int64_t at = 0; at < conditions; ++at) {
      if (condition[at] == 0) continue;
      std::memcpy(to, x + static_cast<size_t>(o * data.shape[axis] + at) * bytes, bytes);
      to += bytes;
    }
  }
  return Status::ok();
}

}  // namespace

void register_compress_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::compress, "copy", {any_type, run});
}

}  // namespace raceline
