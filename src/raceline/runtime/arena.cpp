#include "raceline/runtime/arena.h"

namespace raceline {

ArenaBuffers arena_buffers(const Schedule& schedule, std::span<const size_t> workspaces, DeviceId device) {
  ArenaBuffers buffers;
  for (size_t block = 0; block < schedule.blocks.size(); ++block) {
    const Block& each = schedule.blocks[block];
    if (each.home != Block::Home::arena || each.parent != absent || each.device != device) continue;
    buffers.lifetimes.push_back(each.lifetime);
    buffers.blocks.push_back(block);
  }
  for (size_t moment = 0; moment < workspaces.size(); ++moment) {
    const auto now = static_cast<int32_t>(moment);
    const bool here = schedule.ops[moment].device == device;
    buffers.lifetimes.push_back({here ? workspaces[moment] : 0, now, now});
  }
  return buffers;
}

MemoryPlan planned_arena(
    const Plan& plan, const Graph& graph, const PrimitiveRegistry& registry,
    const std::function<size_t(const Primitive&, const LayerDesc&, int)>& workspace_bytes) {
  const BoundPlan bound = bind_plan(plan, graph, registry, plan.machine);
  const Schedule schedule = make_schedule(bound, graph);
  std::vector<size_t> workspaces;
  for (const Op& op : schedule.ops) {
    size_t bytes = 0;
    if (op.kind == Op::Kind::step && !op.view) {
      const BoundStep& step = bound.steps[op.index];
      bytes = workspace_bytes(*step.primitive, step.layer, plan.steps[step.index].threads);
    } else if (op.kind == Op::Kind::conversion && !op.view) {
      const BoundConversion& conversion = bound.conversions[op.index];
      bytes = workspace_bytes(*conversion.primitive, conversion.layer,
                              plan.conversions[conversion.index].threads);
    }
    workspaces.push_back(bytes);
  }
  return plan_memory(arena_buffers(schedule, workspaces, {}).lifetimes);
}

}  // namespace raceline
