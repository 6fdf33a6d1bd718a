// An OpenCL device with its context and the programs that were built for it. For device/ and
// kernels/opencl alone.
#pragma once
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "raceline/device/opencl/api.h"
#include "raceline/device/opencl/opencl.h"

namespace raceline {

/// Deletes a kernel by the function for that.
struct ReleaseKernel {
  decltype(&clReleaseKernel) release = nullptr;
  void operator()(cl_kernel kernel) const { release(kernel); }
};

/// A kernel of its own for each who runs it: arguments belong to it.
class OpenClKernel {
 public:
  OpenClKernel() = default;
  OpenClKernel(const OpenClApi& api, cl_kernel kernel) : kernel_(kernel, ReleaseKernel{api.release_kernel}) {}
  cl_kernel get() const { return kernel_.get(); }

 private:
  std::unique_ptr<std::remove_pointer_t<cl_kernel>, ReleaseKernel> kernel_;
};

/// Memory handles are cl_mem; what lies at an offset in one is told to kernels as such.
class OpenClDevice final : public Device {
 public:
  /// Throws IoError when the driver refuses.
  OpenClDevice(const OpenClApi& api, cl_device_id device, OpenClInfo info);
  ~OpenClDevice() override;
  OpenClDevice(const OpenClDevice&) = delete;
  OpenClDevice& operator=(const OpenClDevice&) = delete;

  DeviceId id() const override { return {DeviceKind::opencl, 0}; }
  std::string name() const override { return info_.name; }
  std::string fingerprint() const override;
  Memory allocate(size_t bytes) override;
  void release(Memory memory) noexcept override;
  std::unique_ptr<Queue> make_queue(int threads) override;

  const OpenClApi& api() const { return api_; }
  const OpenClInfo& info() const { return info_; }
  cl_context context() const { return context_; }
  cl_device_id handle() const { return device_; }
  /// Bytes of buffers that are not released.
  size_t allocated_bytes() const { return allocated_bytes_; }
  /// A kernel of a program, which is built when this device meets its source with these options for the first
  /// time. Throws UnsupportedError with the compiler's words when it does not build.
  OpenClKernel kernel(std::string_view source, const std::string& name, const std::string& options = "");
  /// How many programs have been built.
  size_t programs() const { return programs_.size(); }

 private:
  cl_program build(std::string_view source, const std::string& options);

  const OpenClApi api_;
  const cl_device_id device_;
  const OpenClInfo info_;
  cl_context context_ = nullptr;
  std::atomic<size_t> allocated_bytes_ = 0;
  std::mutex mutex_;
  std::map<cl_mem, size_t> sizes_;
  std::map<std::pair<std::string, std::string>, cl_program> programs_;  ///< by source and options
};

/// As list_opencl_devices(), by these functions, with the handles beside.
struct OpenClFound {
  OpenClListing listing;
  std::vector<cl_device_id> handles;
};
OpenClFound find_opencl_devices(const OpenClApi& api);
/// As open_opencl_device(), by these functions.
std::unique_ptr<OpenClDevice> open_opencl_device(const OpenClApi& api, std::string_view which);

}  // namespace raceline
