// A forced plan does what verifying by it relies on.
#include "raceline/search/forced_plan.h"

#include <filesystem>
#include <map>
#include <set>

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "raceline/device/cpu_device.h"
#include "raceline/graph/passes/passes.h"
#include "raceline/kernels/builtin.h"
#include "raceline/model/onnx_reader.h"
#include "raceline/model/zoo/zoo.h"

namespace raceline {
namespace {

class ForcedPlan : public testing::TestWithParam<std::string> {
 protected:
  ForcedPlan() {
    const auto path = std::filesystem::temp_directory_path() /
                      fmt::format("raceline-forced-{}-{}.onnx", GetParam(), static_cast<int>(::getpid()));
    write_zoo(GetParam(), path);
    graph_ = run_passes(OnnxModel::load(path).build({}, evaluator_), evaluator_, {});
    std::filesystem::remove(path);
  }

  /// The primitive that computes each node.
  std::map<std::string, std::string> by_node(const Plan& plan) const {
    std::map<std::string, std::string> names;
    for (const PlanStep& step : plan.steps) {
      for (const std::string& node : step.covers) names[node] = step.primitive;
    }
    return names;
  }

  CpuDevice device_{Machine::detect()};
  PrimitiveRegistry registry_ = builtin_primitives();
  Evaluator evaluator_ = reference_evaluator(registry_, device_);
  Graph graph_;
};

TEST_P(ForcedPlan, ComputesAllThatThePrimitiveCanByIt) {
  const CandidateSet candidates(graph_, registry_, {});
  std::map<std::string, std::set<std::string>> able;  // primitive -> nodes
  for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    for (const Candidate& candidate : candidates.at(graph_.layer(id).key()).candidates) {
      able[candidate.primitive->name()].insert(graph_.node(id).name);
    }
  }
  for (const FillIn fill : {FillIn::reference, FillIn::libraries}) {
    for (const auto& [primitive, nodes] : able) {
      const Plan plan = forced_plan(graph_, candidates, {.only = {primitive}, .without = {}}, fill);
      EXPECT_NO_THROW(plan.check(graph_, registry_, ""));
      EXPECT_TRUE(uses(plan, primitive)) << primitive;
      const auto names = by_node(plan);
      for (const std::string& node : nodes) EXPECT_EQ(names.at(node), primitive) << node;
    }
  }
}

TEST_P(ForcedPlan, LayersThatOnlyFusionsMakeAreLeftToPrimitivesThatTheFilterAdmits) {
  const CandidateSet candidates(graph_, registry_, {.only = {"onednn"}, .without = {}});
  for (const Fusion& fusion : graph_.fusions()) {
    for (const Candidate& candidate : candidates.at(graph_.layer(fusion).key()).candidates)
      EXPECT_EQ(candidate.primitive->info().library, "onednn") << graph_.layer(fusion).key();
  }
}

TEST_P(ForcedPlan, FillsInByLibrariesWhereThereAreSome) {
  const CandidateSet candidates(graph_, registry_, {});
  const Plan plan = forced_plan(
      graph_, candidates, {.only = {"softmax.reference.loop.nchw@cpu"}, .without = {}}, FillIn::libraries);
  const auto names = by_node(plan);
  for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
    const LayerDesc layer = graph_.layer(id);
    if (layer.op == OpKind::softmax) continue;
    const bool has_library = registry_.candidates(layer).back()->info().library != "reference";
    const std::string& library = registry_.at(names.at(graph_.node(id).name)).info().library;
    EXPECT_EQ(library != "reference", has_library) << layer.key();
  }
}

TEST_P(ForcedPlan, BringsLayoutsTogetherForEachReorder) {
  const CandidateSet candidates(graph_, registry_, {});
  for (const auto& primitive : registry_.all()) {
    if (primitive->info().op != OpKind::reorder || primitive->info().library != "native") continue;
    const Plan plan =
        forced_plan(graph_, candidates, {.only = {primitive->name()}, .without = {}}, FillIn::libraries);
    EXPECT_TRUE(uses(plan, primitive->name())) << primitive->name();
  }
}

INSTANTIATE_TEST_SUITE_P(of_networks, ForcedPlan, testing::Values("lenet5", "lenet5_caffe", "squeezenet"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace raceline
