// --devices: which devices take part beside the CPU.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "raceline/device/device.h"
#include "raceline/runtime/plan_set.h"

namespace raceline::cli {

struct DeviceOptions {
  std::vector<std::string> names;

  void add_to(CLI::App& app);
  /// The accelerator among the names, opened; nullptr where there is none but the CPU. Call it before threads
  /// are pinned. Throws Error for a list without the CPU or with two accelerators, UnsupportedError and
  /// IoError when the device is not there.
  std::unique_ptr<Device> open() const;
  /// These; where none are named, the first OpenCL device beside the CPU if the plans need one.
  DeviceOptions needed_for(const PlanSet& plans) const;
  /// As open(), what is needed for the plans. A device that nobody named may not be there: that is said on
  /// stderr, and what comes of it is left to who checks or repairs the plan.
  std::unique_ptr<Device> open_for(const PlanSet& plans) const;
  /// As open(); says on stderr when the device is not there, and goes on without.
  std::unique_ptr<Device> open_or_go_on() const;
};

}  // namespace raceline::cli
