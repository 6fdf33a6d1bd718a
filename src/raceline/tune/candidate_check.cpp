#include "raceline/tune/candidate_check.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/error_bound.h"

namespace raceline {

CandidateCheck::CandidateCheck(const PrimitiveRegistry& registry, Devices devices, int threads,
                               double max_error, uint64_t seed)
    : registry_(registry),
      devices_(devices),
      threads_(threads),
      max_error_(max_error),
      seed_(seed),
      queues_(devices, threads) {}

CandidateCheck::Known& CandidateCheck::know(const LayerDesc& layer) {
  std::unique_ptr<Known>& known = known_[layer.key()];
  if (!known) {
    LayerBuffers buffers(devices_, layer, random_operands(layer, seed_));
    Expected expected = expected_outputs(registry_, devices_.host(), layer, buffers.operands(),
                                         {.seed = seed_, .threads = threads_});
    known = std::make_unique<Known>(Known{layer, std::move(buffers), std::move(expected)});
  }
  return *known;
}

std::unique_ptr<LayerRun> CandidateCheck::check(const LayerDesc& layer, const Primitive& primitive,
                                                std::string& why) {
  try {
    Known& known = know(layer);
    Queue& queue = queue_of(primitive);
    auto run = std::make_unique<LayerRun>(primitive, known.layer, known.buffers, queue.threads());
    const CheckResult result = run->check(known.expected, queue);
    const double largest = allowed_error(primitive, layer, max_error_);
    why = result.why;
    if (why.empty() && !(result.error <= largest))
      why = fmt::format("its error is {:.2g}; at most {:.2g} is wanted", result.error, largest);
    if (why.empty()) return run;
  } catch (const Error& error) {
    why = error.what();
  }
  return nullptr;
}

std::string CandidateCheck::why_not(const LayerDesc& layer, const Primitive& primitive) {
  std::string why;
  check(layer, primitive, why);
  return why;
}

std::unique_ptr<LayerRun> CandidateCheck::ready(const LayerDesc& layer, const Primitive& primitive) {
  std::string why;
  return check(layer, primitive, why);
}

}  // namespace raceline
