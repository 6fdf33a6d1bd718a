// An accelerator that is lost while it is measured.
#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/profile/profiler.h"
#include "tests/profile/stand_in_device.h"
#include "tests/profile/stand_ins.h"

namespace raceline {
namespace {

TEST(LostDevice, WhatWasGivenToItsQueueBeforeACallFailedIsWaitedFor) {
  StandInDevice accelerator;
  CpuDevice cpu{Machine{}};
  const auto queue = cpu.make_queue(1), own = accelerator.make_queue(1);
  const auto fails = [&](Queue&) {
    accelerator.waits = 0;
    return Status::failed("no");
  };
  const Contender contender{.name = "a", .run = fails, .queue = own.get()};
  double now_us = 0;
  MeasureOptions options;
  options.clock = [&] { return now_us; };
  Sentinel sentinel(options.clock, 1, [&](int) { now_us += 20; });
  const MeasureResult result = measure({&contender, 1}, *queue, sentinel, options);
  EXPECT_EQ(result.contenders[0].why, "no");
  EXPECT_EQ(accelerator.waits, 1);
}

TEST(LostDevice, WhatItDidNotFinishIsTriedAgainInTheNextProfile) {
  StandInDevice accelerator;
  CpuDevice cpu{Machine{}};
  Pretence pretence;
  PrimitiveRegistry registry;
  PrimitiveInfo info = stand_in_info(OpKind::unary, "reference", Layout::nchw, Layout::nchw);
  registry.add(std::make_unique<StandIn>(info, pretence, 400));
  info.library = "there";
  info.processor = accelerator.id();
  registry.add(std::make_unique<StandIn>(info, pretence, 10));
  const std::string name = "unary.there.pretend.nchw@opencl";
  Graph graph;
  const ValueId x = graph.add_input("x", {DataType::f32, {1, 8, 6, 5}, Layout::nchw});
  const NodeId relu = graph.add_node("relu", OpKind::unary, UnaryParams{}, {x});
  graph.mark_output(graph.node(relu).outputs[0], "y");
  const std::string layer = graph.layer(relu).key();
  ProfileOptions options;
  options.timing.clock = [&] { return pretence.now_us; };
  options.lock.clear();
  CostStore store = CostStore::temporary();
  CostTable table;
  const auto run = [&] {
    table = CostTable();
    return profile(CandidateSet(graph, registry, {}), registry, {cpu, &accelerator}, store, options, table);
  };
  const CostKey key{layer, name, registry.at(name).revision(), accelerator.fingerprint(), 1, options.pinned};

  accelerator.lost = true;
  const ProfileReport lost = run();
  ASSERT_EQ(lost.failures.size(), 1u);
  EXPECT_NE(lost.failures[0].find("lost"), std::string::npos) << lost.failures[0];
  EXPECT_FALSE(table.find(layer, name));
  EXPECT_FALSE(store.find(key)) << "it would be skipped for ever";

  accelerator.lost = false;
  EXPECT_TRUE(run().failures.empty());
  ASSERT_TRUE(store.find(key));
  EXPECT_EQ(store.find(key)->state, CostState::measured);
  EXPECT_TRUE(table.find(layer, name));
}

}  // namespace
}  // namespace raceline
