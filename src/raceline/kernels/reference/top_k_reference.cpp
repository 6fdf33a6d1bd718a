// The k largest or smallest elements of each line along an axis: a heap of k places, whose root is the worst
// of them, is filled from the line and then sorted.
#include <algorithm>

#include "raceline/kernels/reference/extreme.h"
#include "raceline/kernels/reference/reference_primitive.h"

namespace raceline {
namespace {

template <class T>
void run_type(const LayerDesc& layer, const KernelArgs& args) {
  const auto& params = layer.as<TopKParams>();
  const Shape& shape = layer.inputs[0].desc.shape;
  const int axis = static_cast<int>(params.axis);
  const int64_t extent = shape[axis];
  const int64_t inner = shape.elements(axis + 1, shape.rank());
  const int64_t outer = params.k == 0 ? 0 : shape.elements(0, axis);
  const T* x = args.inputs[0].data<T>();
  T* values = args.outputs[0].data<T>();
  int64_t* indices = args.outputs.size() > 1 ? args.outputs[1].data<int64_t>() : nullptr;
  auto* heap = reinterpret_cast<int64_t*>(args.workspace.host());
  for (int64_t o = 0; o < outer; ++o, x += extent * inner) {
    for (int64_t i = 0; i < inner; ++i) {
      const T* line = x + i;
      const auto before = [&](int64_t a, int64_t b) {
        const T value_a = line[a * inner];
        const T value_b = line[b * inner];
        if (comes_before(value_a, value_b, params.smallest)) return true;
        return a < b && !comes_before(value_b, value_a, params.smallest);
      };
      int64_t* const end = heap + params.k;
      for (int64_t at = 0; at < params.k; ++at) heap[at] = at;
      std::make_heap(heap, end, before);
      for (int64_t at = params.k; at < extent; ++at) {
        if (!before(at, heap[0])) continue;
        std::pop_heap(heap, end, before);
        end[-1] = at;
        std::push_heap(heap, end, before);
      }
      std::sort_heap(heap, end, before);
      for (int64_t rank = 0; rank < params.k; ++rank) {
        const int64_t to = (o * params.k + rank) * inner + i;
        values[to] = line[heap[rank] * inner];
        if (indices != nullptr) indices[to] = heap[rank];
      }
    }
  }
}

Status run(const LayerDesc& layer, const KernelArgs& args) {
  return with_number(layer.outputs[0].type,
                     [&](auto tag) { run_type<typename decltype(tag)::type>(layer, args); });
}

size_t workspace_bytes(const LayerDesc& layer) {
  return static_cast<size_t>(layer.as<TopKParams>().k) * sizeof(int64_t);
}

}  // namespace

void register_top_k_reference(PrimitiveRegistry& registry) {
  add_reference(registry, OpKind::top_k, "heap", {only_numbers, run, nullptr, workspace_bytes});
}

}  // namespace raceline
