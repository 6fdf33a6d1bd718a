// A tune over two devices: what each of them does alone is learned and raced beside the mixed plan.
#include <algorithm>

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/tune/correct.h"
#include "raceline/tune/tuner.h"
#include "tests/profile/stand_in_device.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

constexpr const char* there = "unary.there.pretend.nchw@opencl";
constexpr double copy_us = 5;

/// A ReLU takes 50 us on the CPU and 60 on the accelerator, which is neither the optimum nor a near tie of
/// it, nor greedy's choice, nor the best library's: nobody would run it but as what that processor does
/// alone.
class TwoProcessors : public testing::Test {
 protected:
  TwoProcessors() {
    const TensorDesc desc{DataType::f32, {1, 8, 6, 5}, Layout::nchw};
    inputs.emplace_back(desc);
    std::ranges::fill(inputs[0].bytes(), std::byte{0});
    const ValueId x = graph.add_input("x", desc);
    const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {x});
    graph.mark_output(graph.node(relu).outputs[0], "y");
    add(OpKind::unary, "reference", {}, 100);
    add(OpKind::unary, "here", {}, 50);
    add(OpKind::unary, "there", accelerator.id(), 60);
    add(OpKind::reorder, "there", accelerator.id(), copy_us);
    options.profile.timing.clock = [this] { return pretence.now_us; };
    options.profile.lock.clear();
    options.profile.threads = 1;
    options.race_rounds = 5;
  }
  void add(OpKind op, std::string library, DeviceId processor, double us) {
    PrimitiveInfo info = stand_in_info(op, std::move(library), Layout::nchw, Layout::nchw);
    info.processor = processor;
    registry.add(std::make_unique<StandIn>(info, pretence, us));
  }
  TuneResult tuned(Devices devices) {
    return tune(graph, registry, devices, store, views_of(inputs), options);
  }

  StandInDevice accelerator;
  CpuDevice device{Machine{}};
  Pretence pretence;
  PrimitiveRegistry registry;
  CostStore store = CostStore::temporary();
  Graph graph;
  TuneOptions options;
  std::vector<Tensor> inputs;
};

std::vector<std::string> names(const TuneResult& result) {
  std::vector<std::string> names;
  for (const RaceEntry& entry : result.entries) names.push_back(entry.name);
  return names;
}

TEST_F(TwoProcessors, EachAloneIsRunForTheCorrectionAndRaced) {
  const TuneResult result = tuned({device, &accelerator});
  ASSERT_TRUE(result.raced);
  const auto entry = [&](std::string_view name) {
    return std::ranges::find(result.entries, name, &RaceEntry::name);
  };
  const auto alone = entry("opencl alone");
  ASSERT_NE(alone, result.entries.end()) << testing::PrintToString(names(result));
  EXPECT_EQ(alone->plan.steps[0].primitive, there);
  EXPECT_EQ(alone->plan.conversions.size(), 2u);
  EXPECT_GT(alone->measured_us, 0);
  ASSERT_NE(entry("cpu alone"), result.entries.end());
  EXPECT_TRUE(entry("cpu alone")->plan.conversions.empty());

  CostTable corrected;
  const RunConditions conditions = RunConditions::of(graph, {device, &accelerator}, options.profile);
  EXPECT_GE(load_corrections(corrected, graph, registry, store, conditions), 2u);
  const auto keys = store.run_keys();
  EXPECT_TRUE(std::ranges::any_of(keys, [&](const RunKey& key) {
    return key.protocol == protocol::correct && key.plan == plan_signature(alone->plan, registry);
  }));
}

TEST_F(TwoProcessors, AnAcceleratorThatIsLostAfterTheProfileIsSaidAndDoneWithout) {
  std::vector<std::string> lines;
  options.say = [&](const std::string& line) {
    lines.push_back(line);
    accelerator.lost = true;  // nothing is said before whole plans are run
  };
  const TuneResult result = tuned({device, &accelerator});
  ASSERT_TRUE(result.complete);
  EXPECT_EQ(result.plan.steps[0].primitive, "unary.here.pretend.nchw@cpu");
  EXPECT_FALSE(result.plan.needs_accelerator());
  EXPECT_TRUE(std::ranges::any_of(lines, [](const std::string& line) {
    return line.starts_with("going on without a stand-in: ") && line.find("lost") != std::string::npos;
  })) << testing::PrintToString(lines);
}

TEST_F(TwoProcessors, WhereThereIsOneNobodyIsCalledAlone) {
  const TuneResult result = tuned(device);
  for (const std::string& name : names(result)) EXPECT_EQ(name.find("alone"), std::string::npos) << name;
}

}  // namespace
}  // namespace raceline
