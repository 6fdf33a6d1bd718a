// What a plan's arena holds: the tensors that steps give each other, and each op's scratch memory.
#pragma once
#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "raceline/runtime/schedule.h"

namespace raceline {

/// The buffers of a device's arena: the schedule's blocks that live there, then one workspace an op.
struct ArenaBuffers {
  std::vector<size_t> blocks;  ///< of the schedule, one for each of the first lifetimes
  std::vector<Lifetime> lifetimes;
};

/// workspaces: bytes, one an op of the schedule; those of other devices count as 0.
ArenaBuffers arena_buffers(const Schedule& schedule, std::span<const size_t> workspaces, DeviceId device);

/// The host's arena that a Session of this plan would have, without preparing a kernel. `workspace_bytes`
/// is asked for each step and conversion that runs, with its threads (0: the plan's). Throws PlanError when
/// the plan does not fit.
MemoryPlan planned_arena(
    const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
    const std::function<size_t(const Primitive&, const LayerDesc&, int)>& workspace_bytes);

}  // namespace raceline
