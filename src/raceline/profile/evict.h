// Emptying caches, so that weights are found where a network's run finds them.
#pragma once
#include <cstddef>
#include <vector>

#include "raceline/device/machine.h"

namespace raceline {

/// Memory that is read to push everything else out of the caches of the threads that run kernels.
class CacheEvictor {
 public:
  /// with_l3: out of the shared cache as well. Throws std::bad_alloc.
  CacheEvictor(const Machine& machine, int threads, bool with_l3);
  void evict() const;
  size_t bytes() const { return memory_.size(); }

 private:
  int threads_;
  std::vector<std::byte> memory_;
};

}  // namespace raceline
