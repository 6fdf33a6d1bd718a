// The arena of the zoo's networks stays near what is alive at once, whatever the plan.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "raceline/kernels/builtin.h"
#include "raceline/runtime/arena.h"
#include "tests/runtime/support.h"
#include "tests/runtime/zoo_net.h"

namespace raceline::testing {
namespace {

constexpr double most_parameters = 50e6;  // chains with larger dense layers say nothing that LeNet-5 does not
constexpr int random_plans = 3;

class ZooArena : public ::testing::TestWithParam<std::string> {
 protected:
  void expect_tight(const Plan& plan, const Graph& graph) {
    const MemoryPlan arena =
        planned_arena(plan, graph, registry, [](const Primitive& primitive, const LayerDesc& layer, int) {
          return primitive.workspace_bytes(layer, 2);
        });
    EXPECT_LE(static_cast<double>(arena.arena_bytes), 1.1 * static_cast<double>(arena.peak_live_bytes));
    worst = std::max(worst, static_cast<double>(arena.arena_bytes) /
                                static_cast<double>(std::max<size_t>(1, arena.peak_live_bytes)));
  }

  PrimitiveRegistry registry = builtin_primitives();
  CpuDevice device{Machine{}};
  double worst = 1;
};

TEST_P(ZooArena, IsWithinATenthOfTheTensorsAndWorkspaceAliveAtOnce) {
  const Graph graph = zoo_graph(GetParam(), registry, device);
  for (const std::string& library : libraries_of(graph, registry)) {
    SCOPED_TRACE(library);
    expect_tight(plan_by_library(graph, registry, library), graph);
  }
  for (uint64_t seed = 1; seed <= random_plans; ++seed) {
    SCOPED_TRACE(fmt::format("random plan, seed {}", seed));
    Random random(seed);
    expect_tight(random_plan(graph, registry, random), graph);
  }
  RecordProperty("arena_over_bound", fmt::format("{:.3f}", worst));
  fmt::print("{}: at most {:.3f} times what is alive at once\n", GetParam(), worst);
}

std::vector<std::string> nets() {
  std::vector<std::string> names;
  for (const ZooNet& net : zoo()) {
    if (zoo_size(net).parameters < most_parameters) names.emplace_back(net.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Nets, ZooArena, ::testing::ValuesIn(nets()),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace raceline::testing
