// What the steps of a run took on an accelerator, from the times of their commands: the wall time, divided.
#pragma once
#include <span>

#include "raceline/device/device.h"

namespace raceline {

/// Of a step that was run with its commands traced. On the CPU nothing is idle.
struct StepTrace {
  double idle_us = 0;  ///< the device had nothing to do before a command of the step, and between them
  double busy_us = 0;  ///< the device did the step's commands
};

/// A step on its way to the device.
struct TracedStep {
  double entered_us = 0;       ///< by the host's clock, since the first of the steps was begun
  size_t commands = 0;         ///< how many it gave
  bool copies_itself = false;  ///< the host copies between its commands, which then is no idle time
};

/// Divides `whole_us`, the host's time from the first step's begin until it knew that all were done: into
/// what each step took, and, returned, the time from the last command's end. All together are the whole: an
/// instant in which the device works belongs to the command it does, an idle one to the command that comes
/// next. `traces` has an entry for each of the steps; commands are in their order, one after the other.
/// Throws DeviceError where the device's times cannot be, seen from the host.
double divide_time(std::span<const TracedStep> steps, std::span<const CommandTimes> commands, double whole_us,
                   std::span<StepTrace> traces);

}  // namespace raceline
