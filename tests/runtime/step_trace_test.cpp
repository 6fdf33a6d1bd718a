// What is promised of dividing a run's time among the commands of an accelerator.
#include "raceline/runtime/step_trace.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <vector>

#include <gtest/gtest.h>

#include "raceline/base/error.h"
#include "raceline/base/random.h"

namespace raceline {
namespace {

double sum(std::span<const StepTrace> traces) {
  return std::accumulate(traces.begin(), traces.end(), 0.0,
                         [](double all, const StepTrace& each) { return all + each.idle_us + each.busy_us; });
}

TEST(StepTraces, IdleTimeBelongsToTheCommandThatComesNext) {
  // A copy there, a step of two kernels, a view without any command, a copy back. The device's clock starts
  // when the first command is given, 5 us after the host began.
  const std::array<TracedStep, 4> steps{{{5, 1}, {12, 2}, {14, 0}, {15, 1}}};
  const std::array<CommandTimes, 4> commands{{{0, 10, 30}, {7, 34, 54}, {8, 54, 60}, {10, 63, 83}}};
  std::array<StepTrace, 4> traces;
  EXPECT_DOUBLE_EQ(divide_time(steps, commands, 100, traces), 100 - (83 + 5));
  EXPECT_DOUBLE_EQ(traces[0].idle_us, 15);
  EXPECT_DOUBLE_EQ(traces[0].busy_us, 20);
  EXPECT_DOUBLE_EQ(traces[1].idle_us, 4);
  EXPECT_DOUBLE_EQ(traces[1].busy_us, 26);
  EXPECT_DOUBLE_EQ(traces[2].idle_us + traces[2].busy_us, 0);
  EXPECT_DOUBLE_EQ(traces[3].idle_us, 3);
  EXPECT_DOUBLE_EQ(traces[3].busy_us, 20);
}

TEST(StepTraces, WhatTheHostCopiesBetweenItsCommandsIsTheCopy) {
  const std::array<TracedStep, 1> steps{{{0, 2, true}}};
  const std::array<CommandTimes, 2> commands{{{0, 2, 3}, {40, 41, 42}}};
  std::array<StepTrace, 1> traces;
  EXPECT_DOUBLE_EQ(divide_time(steps, commands, 50, traces), 8);
  EXPECT_DOUBLE_EQ(traces[0].idle_us, 2);
  EXPECT_DOUBLE_EQ(traces[0].busy_us, 40);
}

TEST(StepTraces, AndTheTimeAfterwardsAddUpToTheWhole) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    const auto some = [&] { return static_cast<double>(random.below(50)); };
    std::vector<TracedStep> steps(1 + static_cast<size_t>(random.below(6)));
    std::vector<CommandTimes> commands;
    double host = 0, device = 0;
    for (TracedStep& step : steps) {
      step = {host, static_cast<size_t>(random.below(4)), random.below(2) == 1};
      for (size_t command = 0; command < step.commands; ++command) {
        const double start = std::max(device, host) + some();
        commands.push_back({host, start, start + some()});
        device = commands.back().end_us;
        host += some();
      }
      if (commands.empty()) host += some();
    }
    // The device's clock counts from the first command.
    if (!commands.empty()) {
      const double begin = commands[0].queued_us;
      for (CommandTimes& each : commands)
        each = {each.queued_us - begin, each.start_us - begin, each.end_us - begin};
    }
    const double whole = std::max(host, device) + some();
    std::vector<StepTrace> traces(steps.size());
    const double after = divide_time(steps, commands, whole, traces);
    EXPECT_NEAR(sum(traces) + after, whole, 1e-6) << "seed " << seed;
    EXPECT_GE(after, 0) << "seed " << seed;
  }
}

TEST(StepTraces, OfADeviceWhoseTimesCannotBeAreRefused) {
  const std::array<TracedStep, 1> steps{{{0, 1}}};
  const std::array<CommandTimes, 1> commands{{{0, 5, 5000}}};
  std::array<StepTrace, 1> traces;
  EXPECT_THROW(divide_time(steps, commands, 100, traces), DeviceError);
}

}  // namespace
}  // namespace raceline
