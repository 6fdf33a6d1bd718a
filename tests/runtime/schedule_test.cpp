// What is promised of the order in which a plan's steps run.
#include "raceline/runtime/schedule.h"

#include <algorithm>
#include <set>

#include "tests/runtime/session_fixture.h"

namespace raceline::testing {
namespace {

/// Two branches of two layers each from one input, in turns; the even ones on an accelerator.
class ScheduleTest : public SessionTest {
 protected:
  Schedule two_branches(DeviceId even) {
    const ValueId x = graph_.add_input("x", image_desc);
    const ValueId a = unary(x), b = unary(x);
    const ValueId c = unary(a), d = unary(b);
    graph_.mark_output(c, "c");
    graph_.mark_output(d, "d");
    for (const DeviceId device : std::set<DeviceId>{{}, even}) {
      for (const OpKind op : {OpKind::unary, OpKind::reorder}) {
        add_test_primitive(registry_,
                           {.op = op, .processor = device, .run = elementwise([](float v) { return v; })});
      }
    }
    Plan plan;
    plan.graph_key = graph_.key();
    for (NodeId node = 0; node < 4; ++node) {
      const DeviceId device = node % 2 == 0 ? even : DeviceId{};
      plan.steps.push_back(
          {.covers = {graph_.node(node).name}, .primitive = "unary.test.plain.nchw@" + device.to_string()});
    }
    if (even != DeviceId{}) {
      const std::string reorder = "reorder.test.plain.nchw@" + even.to_string();
      plan.conversions = {{"x", {}, {even}, reorder}, {"u2:0", {even}, {}, reorder}};
    }
    return make_schedule(bind_plan(plan, graph_, registry_, device_.fingerprint()), graph_);
  }
};

TEST_F(ScheduleTest, BranchesOnTwoDevicesAreNotRunInTurns) {
  const Schedule schedule = two_branches({DeviceKind::opencl, 0});
  ASSERT_EQ(schedule.ops.size(), 6u);
  size_t changes = 0;
  std::set<int32_t> made{0};  // the input
  for (size_t index = 0; index < schedule.ops.size(); ++index) {
    const Op& op = schedule.ops[index];
    changes += index > 0 && op.device != schedule.ops[index - 1].device ? 1 : 0;
    for (const int32_t copy : op.inputs) EXPECT_TRUE(made.contains(copy)) << "op " << index;
    made.insert(op.outputs.begin(), op.outputs.end());
  }
  EXPECT_EQ(changes, 1u);
}

TEST_F(ScheduleTest, OnOneDeviceTheOrderIsThePlans) {
  const Schedule schedule = two_branches({});
  ASSERT_EQ(schedule.ops.size(), 4u);
  for (size_t index = 0; index < 4; ++index) EXPECT_EQ(schedule.ops[index].index, index);
}

}  // namespace
}  // namespace raceline::testing
