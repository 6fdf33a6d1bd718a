// Places buffers of known lifetime in one arena, so that two that live at the same time never overlap.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace raceline {

/// Every buffer of an arena begins at a multiple of this many bytes.
inline constexpr size_t arena_alignment = 64;

/// A buffer and the first and last moment (index of an op) at which its contents matter, both included.
struct Lifetime {
  size_t bytes = 0;
  int32_t first = 0, last = 0;
};

/// Where the buffers lie.
struct MemoryPlan {
  std::vector<size_t> offsets;  ///< one a buffer, multiples of arena_alignment
  size_t arena_bytes = 0;
  size_t peak_live_bytes = 0;  ///< largest sum of (aligned) buffers alive at once: a lower bound of any arena
};

/// Best fit in several orders (largest first, longest and largest first, in order of time); the smallest
/// arena wins. Buffers of no bytes lie at 0.
MemoryPlan plan_memory(std::span<const Lifetime> buffers);

}  // namespace raceline
