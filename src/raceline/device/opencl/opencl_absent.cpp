// In the place of all other files here, where OpenCL's headers were missing or switched off.
#include "raceline/base/error.h"
#include "raceline/device/opencl/opencl.h"

namespace raceline {
namespace {

constexpr const char* why =
    "built without OpenCL; Debian's packages are opencl-c-headers and ocl-icd-libopencl1";

}  // namespace

OpenClListing list_opencl_devices() {
  return {{}, why};
}

std::unique_ptr<Device> open_opencl_device(std::string_view /*which*/) {
  throw UnsupportedError(why);
}

}  // namespace raceline
