// OpenCL devices: which there are, and one opened. The library is found when a program asks for it; where it
// was not there when Raceline was built, there are none.
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "raceline/device/device.h"

namespace raceline {

/// What an OpenCL device says of itself.
struct OpenClInfo {
  std::string name, vendor, version, driver;  ///< "pthread-AMD EPYC", "AuthenticAMD", "OpenCL 3.0 ...", "3.1"
  std::string platform;                       ///< "Portable Computing Language"
  bool is_cpu = false;                        ///< works on this machine's own cores
  int compute_units = 0;
  int64_t memory_bytes = 0, largest_buffer_bytes = 0;
};

/// All devices of all platforms, in the order of their index; or why there is none.
struct OpenClListing {
  std::vector<OpenClInfo> devices;
  std::string why_none;
};
OpenClListing list_opencl_devices();

/// Opens a device by its index ("0") or a part of its name; called DeviceKind::opencl 0 from here on. Its
/// driver may start threads, which inherit on which cores the caller may run: open it before threads are
/// pinned. Throws UnsupportedError naming the devices there are, IoError when the driver fails.
std::unique_ptr<Device> open_opencl_device(std::string_view which);

}  // namespace raceline
