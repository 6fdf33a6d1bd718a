#include "raceline/device/opencl/opencl.h"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/device/opencl/opencl_device.h"

namespace raceline {
namespace {

template <class Get>
std::string text_of(const Get& get) {
  size_t size = 0;
  if (get(0, nullptr, &size) != CL_SUCCESS) return {};
  std::string text(size, '\0');
  if (size == 0 || get(size, text.data(), nullptr) != CL_SUCCESS) return {};
  return std::string(trim(text.c_str()));
}

template <class Number>
Number number_of(const OpenClApi& api, cl_device_id device, cl_device_info what) {
  Number number{};
  api.get_device_info(device, what, sizeof number, &number, nullptr);
  return number;
}

OpenClInfo describe(const OpenClApi& api, cl_device_id device, const std::string& platform) {
  const auto text = [&](cl_device_info what) {
    return text_of([&](size_t size, char* to, size_t* needed) {
      return api.get_device_info(device, what, size, to, needed);
    });
  };
  return {.name = text(CL_DEVICE_NAME),
          .vendor = text(CL_DEVICE_VENDOR),
          .version = text(CL_DEVICE_VERSION),
          .driver = text(CL_DRIVER_VERSION),
          .platform = platform,
          .is_cpu = (number_of<cl_device_type>(api, device, CL_DEVICE_TYPE) & CL_DEVICE_TYPE_CPU) != 0,
          .compute_units = static_cast<int>(number_of<cl_uint>(api, device, CL_DEVICE_MAX_COMPUTE_UNITS)),
          .memory_bytes = static_cast<int64_t>(number_of<cl_ulong>(api, device, CL_DEVICE_GLOBAL_MEM_SIZE)),
          .largest_buffer_bytes =
              static_cast<int64_t>(number_of<cl_ulong>(api, device, CL_DEVICE_MAX_MEM_ALLOC_SIZE))};
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string names_of(const OpenClListing& listing) {
  if (listing.devices.empty()) return listing.why_none;
  std::string names = "there are";
  for (size_t index = 0; index < listing.devices.size(); ++index)
    names += fmt::format("{} opencl:{} ({})", index == 0 ? "" : ",", index, listing.devices[index].name);
  return names;
}

}  // namespace

OpenClFound find_opencl_devices(const OpenClApi& api) {
  OpenClFound found;
  cl_uint count = 0;
  std::vector<cl_platform_id> platforms;
  if (api.get_platforms(0, nullptr, &count) == CL_SUCCESS && count > 0) {
    platforms.resize(count);
    if (api.get_platforms(count, platforms.data(), nullptr) != CL_SUCCESS) platforms.clear();
  }
  for (const cl_platform_id platform : platforms) {
    const std::string name = text_of([&](size_t size, char* to, size_t* needed) {
      return api.get_platform_info(platform, CL_PLATFORM_NAME, size, to, needed);
    });
    cl_uint devices = 0;
    if (api.get_devices(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &devices) != CL_SUCCESS || devices == 0)
      continue;
    std::vector<cl_device_id> handles(devices);
    if (api.get_devices(platform, CL_DEVICE_TYPE_ALL, devices, handles.data(), nullptr) != CL_SUCCESS)
      continue;
    for (const cl_device_id handle : handles) {
      found.listing.devices.push_back(describe(api, handle, name));
      found.handles.push_back(handle);
    }
  }
  if (found.handles.empty()) {
    found.listing.why_none =
        platforms.empty() ? "no OpenCL driver; for a machine without a GPU, Debian's is pocl-opencl-icd"
                          : "OpenCL's drivers offer no device";
  }
  return found;
}

std::unique_ptr<OpenClDevice> open_opencl_device(const OpenClApi& api, std::string_view which) {
  const OpenClFound found = find_opencl_devices(api);
  const auto& devices = found.listing.devices;
  const auto refuse = [&] {
    throw UnsupportedError(fmt::format("no OpenCL device '{}'; {}", which, names_of(found.listing)));
  };
  if (which.empty()) refuse();  // a part of every name
  size_t index = 0;
  if (std::all_of(which.begin(), which.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    if (which.size() > 4) refuse();
    index = static_cast<size_t>(parse_int(which, "device index"));
  } else {
    while (index < devices.size() && lower(devices[index].name).find(lower(which)) == std::string::npos)
      ++index;
  }
  if (index >= devices.size()) refuse();
  return std::make_unique<OpenClDevice>(api, found.handles[index], devices[index]);
}

OpenClListing list_opencl_devices() {
  std::string why;
  const auto api = load_opencl(why);
  if (!api) return {{}, why};
  return find_opencl_devices(*api).listing;
}

std::unique_ptr<Device> open_opencl_device(std::string_view which) {
  std::string why;
  const auto api = load_opencl(why);
  if (!api) throw UnsupportedError(why);
  return open_opencl_device(*api, which);
}

}  // namespace raceline
