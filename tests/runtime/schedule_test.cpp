// What is promised of the order in which a plan's steps run.
#include "raceline/runtime/schedule.h"

#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/runtime/session_fixture.h"

namespace raceline::testing {
namespace {

class ScheduleTest : public SessionTest {
 protected:
  /// The graph's nodes, each on its device; what one makes and another takes is copied.
  Schedule scheduled(const std::vector<DeviceId>& devices) {
    for (const DeviceId device : std::set<DeviceId>(devices.begin(), devices.end())) {
      for (const OpKind op : {OpKind::unary, OpKind::reorder}) {
        add_test_primitive(registry_,
                           {.op = op, .processor = device, .run = elementwise([](float v) { return v; })});
      }
    }
    Plan plan;
    plan.graph_key = graph_.key();
    std::map<std::string, std::pair<DeviceId, std::set<DeviceId>>> values;  // where they are made and taken
    values[graph_.value(graph_.inputs()[0]).name].first = host_;
    for (NodeId id = 0; id < static_cast<NodeId>(graph_.nodes().size()); ++id) {
      const Node& node = graph_.node(id);
      const DeviceId device = devices.at(static_cast<size_t>(id));
      plan.steps.push_back(
          {.covers = {node.name}, .primitive = "unary.test.plain.nchw@" + device.to_string()});
      values[graph_.value(node.outputs[0]).name].first = device;
      values[graph_.value(node.inputs[0]).name].second.insert(device);
      if (graph_.is_output(node.outputs[0])) values[graph_.value(node.outputs[0]).name].second.insert(host_);
    }
    for (const auto& [name, where] : values) {
      const auto& [made, taken] = where;
      for (const DeviceId device : taken) {
        if (device == made) continue;
        const DeviceId copier = made == host_ ? device : made;
        plan.conversions.push_back({name, {made}, {device}, "reorder.test.plain.nchw@" + copier.to_string()});
      }
    }
    return make_schedule(bind_plan(plan, graph_, registry_, device_.fingerprint()), graph_);
  }

  /// Two branches of two layers each from one input, in turns.
  void add_branches() {
    const ValueId x = graph_.add_input("x", image_desc);
    const ValueId a = unary(x), b = unary(x);
    const ValueId c = unary(a), d = unary(b);
    graph_.mark_output(c, "c");
    graph_.mark_output(d, "d");
  }

  const DeviceId host_{}, other_{DeviceKind::opencl, 0};
};

TEST_F(ScheduleTest, BranchesOnTwoDevicesAreNotRunInTurns) {
  add_branches();
  const Schedule schedule = scheduled({other_, host_, other_, host_});
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

TEST_F(ScheduleTest, WhatAnotherDeviceTakesIsHandedOverLast) {
  const ValueId x = graph_.add_input("x", image_desc);
  const ValueId a = unary(x);
  const ValueId host = unary(a);  // wants a while the other device could go on
  const ValueId b = unary(a);
  graph_.mark_output(host, "host");
  graph_.mark_output(b, "b");
  const Schedule schedule = scheduled({other_, host_, other_});
  std::vector<bool> crosses;
  for (const Op& op : schedule.ops) {
    if (op.device != other_) continue;
    crosses.push_back(schedule.copies[static_cast<size_t>(op.outputs[0])].interface.device != other_);
  }
  EXPECT_EQ(crosses, (std::vector<bool>{false, false, false, true, true})) << "copy, a, b, and both back";
  EXPECT_EQ(schedule.ops.back().device, host_);
}

TEST_F(ScheduleTest, OnOneDeviceTheOrderIsThePlans) {
  add_branches();
  const Schedule schedule = scheduled({host_, host_, host_, host_});
  ASSERT_EQ(schedule.ops.size(), 4u);
  for (size_t index = 0; index < 4; ++index) EXPECT_EQ(schedule.ops[index].index, index);
}

}  // namespace
}  // namespace raceline::testing
