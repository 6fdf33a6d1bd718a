#include "raceline/runtime/plan.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/runtime/bound_plan.h"

namespace raceline {

Plan Plan::reference(const Graph& graph, const PrimitiveRegistry& registry) {
  // Nothing fits an empty plan, so all of it is put in place.
  Plan empty;
  empty.strategy = "reference";
  return repair_plan(empty, graph, registry, "").plan;
}

}  // namespace raceline
