// What tests on an accelerator begin with. They are skipped where no driver is installed.
#pragma once
#include <memory>

#include <gtest/gtest.h>

#include "raceline/device/cpu_device.h"
#include "raceline/device/devices.h"
#include "raceline/device/opencl/opencl.h"
#include "raceline/kernels/builtin.h"

namespace raceline {

/// The first OpenCL device beside the CPU, and the primitives of both.
class OnOpenCl : public ::testing::Test {
 protected:
  void SetUp() override {
    const OpenClListing listing = list_opencl_devices();
    if (listing.devices.empty()) GTEST_SKIP() << listing.why_none;
    accelerator_ = open_opencl_device("0");
  }
  Devices devices() { return {cpu_, accelerator_.get()}; }

  PrimitiveRegistry registry_ = builtin_primitives(DeviceKind::opencl);
  CpuDevice cpu_{Machine::detect()};
  std::unique_ptr<Device> accelerator_;
};

}  // namespace raceline
