#include "raceline/runtime/arena.h"

namespace raceline {

ArenaBuffers arena_buffers(const Schedule& schedule, std::span<const size_t> workspaces) {
  ArenaBuffers buffers;
  for (size_t block = 0; block < schedule.blocks.size(); ++block) {
    if (schedule.blocks[block].home != Block::Home::arena) continue;
    buffers.lifetimes.push_back(schedule.blocks[block].lifetime);
    buffers.blocks.push_back(block);
  }
  for (size_t moment = 0; moment < workspaces.size(); ++moment) {
    const auto now = static_cast<int32_t>(moment);
    buffers.lifetimes.push_back({workspaces[moment], now, now});
  }
  return buffers;
}

size_t planned_arena_bytes(const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
                           const std::function<size_t(const Primitive&, const LayerDesc&)>& workspace_bytes) {
  const BoundPlan bound = bind_plan(plan, graph, registry, plan.machine);
  const Schedule schedule = make_schedule(bound, graph);
  std::vector<size_t> workspaces;
  for (const Op& op : schedule.ops) {
    size_t bytes = 0;
    if (op.kind == Op::Kind::step && !op.view) {
      bytes = workspace_bytes(*bound.steps[op.index].primitive, bound.steps[op.index].layer);
    } else if (op.kind == Op::Kind::conversion && !op.view) {
      bytes = workspace_bytes(*bound.conversions[op.index].primitive, bound.conversions[op.index].layer);
    }
    workspaces.push_back(bytes);
  }
  return plan_memory(arena_buffers(schedule, workspaces).lifetimes).arena_bytes;
}

}  // namespace raceline
