#include "raceline/runtime/plan.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/primitive/on_threads.h"
#include "raceline/runtime/bound_plan.h"

namespace raceline {

Plan Plan::reference(const Graph& graph, const PrimitiveRegistry& registry) {
  // Nothing fits an empty plan, so all of it is put in place.
  Plan empty;
  empty.strategy = "reference";
  return repair_plan(empty, graph, registry, "").plan;
}

std::string PlanConversion::layouts() const {
  if (from.device == to.device) return fmt::format("{} -> {}", to_string(from.layout), to_string(to.layout));
  return fmt::format("{}:{} -> {}:{}", from.device.to_string(), to_string(from.layout), to.device.to_string(),
                     to_string(to.layout));
}

bool Plan::needs_accelerator() const {
  const auto is_elsewhere = [](const auto& each) {
    const std::string_view device = device_of(each.primitive);
    return !device.empty() && device != DeviceId{}.to_string();
  };
  return std::any_of(steps.begin(), steps.end(), is_elsewhere) ||
         std::any_of(conversions.begin(), conversions.end(), is_elsewhere);
}

}  // namespace raceline
