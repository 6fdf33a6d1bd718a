#include "raceline/profile/evict.h"

#include <algorithm>

namespace raceline {

CacheEvictor::CacheEvictor(const Machine& machine, int threads, bool with_l3)
    : threads_(std::max(1, threads)) {
  // Twice a cache's size, as its replacement is not strictly by age.
  const auto l2 = 2 * static_cast<size_t>(machine.l2_bytes) * static_cast<size_t>(threads_);
  const auto l3 = static_cast<size_t>(machine.l3_bytes);
  memory_.assign(with_l3 ? std::max(l2, 2 * l3) : l2, std::byte{1});
}

void CacheEvictor::evict() const {
  constexpr size_t line = 64;
  const size_t share = memory_.size() / static_cast<size_t>(threads_);
  unsigned sum = 0;
#pragma omp parallel for num_threads(threads_) schedule(static, 1) reduction(+ : sum)
  for (int thread = 0; thread < threads_; ++thread) {
    const std::byte* mine = memory_.data() + static_cast<size_t>(thread) * share;
    for (size_t at = 0; at < share; at += line) sum += std::to_integer<unsigned>(mine[at]);
  }
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

}  // namespace raceline
