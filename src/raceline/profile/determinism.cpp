#include "raceline/profile/determinism.h"

#include <algorithm>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "raceline/profile/layer_run.h"
#include "raceline/profile/operands.h"

namespace raceline {

std::string result_varies(const Primitive& primitive, const LayerDesc& layer, Devices devices, int threads,
                          uint64_t seed) {
  constexpr int runs = 3;
  LayerBuffers buffers(devices, layer, random_operands(layer, seed));
  std::vector<Tensor> first;
  for (const int count : std::set<int>{1, 2, threads}) {
    const auto queue = devices.at(primitive.info().processor).make_queue(count);
    queue->bind();
    LayerRun run(primitive, layer, buffers, queue->threads());
    for (int repeat = 0; repeat < runs; ++repeat) {
      Status status = run.produce(*queue);
      if (status.is_ok()) status = run.run(*queue);
      if (status.is_ok()) status = queue->wait();
      if (!status.is_ok()) return fmt::format("fails with {} threads: {}", count, status.message());
      for (size_t slot = 0; slot < layer.outputs.size(); ++slot) {
        Tensor output = run.output(slot, *queue);
        if (first.size() <= slot) {
          first.push_back(std::move(output));
        } else if (!std::ranges::equal(std::as_const(first[slot]).bytes(), std::as_const(output).bytes())) {
          return repeat > 0 ? fmt::format("another result when run again with {} threads", count)
                            : fmt::format("another result with {} threads", count);
        }
      }
    }
  }
  return {};
}

}  // namespace raceline
