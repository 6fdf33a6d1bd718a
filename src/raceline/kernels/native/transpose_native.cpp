// transpose where two neighbouring groups of axes change places: [batch, rows, columns, run] becomes
// [batch, columns, rows, run]. So are a matrix, images between channels first and last, heads of attention
// and the shuffling of channels. Axes of extent 1 may stand anywhere. Limits: f32.
#include <cstring>
#include <optional>

#include "raceline/kernels/common/parallel.h"
#include "raceline/kernels/native/native_common.h"
#include "raceline/kernels/native/transpose_tiles.h"

namespace raceline {
namespace {

struct Swap {
  int64_t batch = 1, rows = 1, columns = 1, run = 1;
};

/// What the permutation does when axes of extent 1 are left out; nothing if it is no swap.
std::optional<Swap> find_swap(const LayerDesc& layer) {
  const Shape& shape = layer.inputs[0].desc.shape;
  std::vector<int> perm;
  for (const int64_t axis : layer.as<TransposeParams>().perm) {
    if (shape[static_cast<int>(axis)] != 1) perm.push_back(static_cast<int>(axis));
  }
  std::vector<int> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  Swap swap;
  size_t first = 0, last = perm.size();
  while (first < last && perm[first] == sorted[first]) swap.batch *= shape[sorted[first++]];
  while (last > first && perm[last - 1] == sorted[last - 1]) swap.run *= shape[sorted[--last]];
  // What is left must be the columns' axes and then the rows', each in their order.
  std::vector<int> rotated(sorted.begin() + static_cast<std::ptrdiff_t>(first),
                           sorted.begin() + static_cast<std::ptrdiff_t>(last));
  if (first < last) {
    std::rotate(rotated.begin(), std::find(rotated.begin(), rotated.end(), perm[first]), rotated.end());
  }
  for (size_t at = first; at < last; ++at) {
    if (perm[at] != rotated[at - first]) return std::nullopt;
    (perm[at] >= perm[first] ? swap.columns : swap.rows) *= shape[perm[at]];
  }
  return swap;
}

class TransposeKernel final : public Kernel {
 public:
  explicit TransposeKernel(const Swap& swap) : swap_(swap) {}

  Status run(const KernelArgs& args) const noexcept override {
    const float* from = args.inputs[0].data<const float>();
    float* to = args.outputs[0].data<float>();
    const int threads = args.queue.threads();
    const auto [batch, rows, columns, run] = swap_;
    if (run == 1) {
      transpose_batch(from, to, batch, rows, columns, threads);
      return Status::ok();
    }
    const Swap swap = swap_;
    parallel_slices(
        threads, batch * columns, 1, 8192 / std::max<int64_t>(1, rows * run), [&](Slice slice, int) {
          for (int64_t index = slice.first; index < slice.last; ++index) {
            const int64_t matrix = index / swap.columns * swap.rows * swap.columns;
            const float* source = from + (matrix + index % swap.columns) * swap.run;
            for (int64_t row = 0; row < swap.rows; ++row) {
              std::memcpy(to + (index * swap.rows + row) * swap.run, source + row * swap.columns * swap.run,
                          static_cast<size_t>(swap.run) * sizeof(float));
            }
          }
        });
    return Status::ok();
  }

 private:
  Swap swap_;
};

class TransposePrimitive final : public Primitive {
 public:
  TransposePrimitive() : Primitive(native_info(OpKind::transpose, "tiles", Layout::nchw, Layout::nchw)) {}

  Support supports(const LayerDesc& layer) const override {
    if (const Support typed = needs_f32(layer); !typed) return typed;
    if (const Support plain = needs_plain(layer); !plain) return plain;
    if (!find_swap(layer))
      return Support::no("the permutation is no swap of two neighbouring groups of axes");
    return Support::yes();
  }
  std::unique_ptr<const Kernel> prepare(const LayerDesc& layer, const PrepareArgs&) const override {
    return std::make_unique<TransposeKernel>(*find_swap(layer));
  }
};

}  // namespace

void register_transpose_native(PrimitiveRegistry& registry) {
  registry.add(std::make_unique<TransposePrimitive>());
}

}  // namespace raceline
