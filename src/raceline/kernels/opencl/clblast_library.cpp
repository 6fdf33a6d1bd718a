#include "raceline/kernels/opencl/clblast_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace raceline {
namespace {

constexpr const char* library_file = "libclblast.so.1";

}  // namespace

std::optional<ClblastLibrary> ClblastLibrary::load(std::string& why) {
  void* const handle = ::dlopen(library_file, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    why = fmt::format("{} is not here; Debian's package is libclblast1", library_file);
    return std::nullopt;
  }
  ClblastLibrary library;
  const auto look_up = [&]<class Function>(const char* name, Function& function) {
    function = reinterpret_cast<Function>(::dlsym(handle, name));
    if (function == nullptr) why = fmt::format("{} has no {}", library_file, name);
    return function != nullptr;
  };
  if (look_up("CLBlastSgemm", library.sgemm) && look_up("CLBlastSgemv", library.sgemv) &&
      look_up("CLBlastSconvgemm", library.sconvgemm)) {
    return library;
  }
  return std::nullopt;
}

Status clblast_status(OpenClQueue& queue, int error, cl_event event) {
  if (error != 0) {
    constexpr int least_of_opencl = -1024;
    return Status::failed(error > least_of_opencl ? opencl_message(error) : "CLBlast: a call failed");
  }
  return queue.took(CL_SUCCESS, event);
}

cl_mem buffer_of(Memory memory) {
  return static_cast<cl_mem>(memory.handle);
}

size_t offset_of(Memory memory) {
  return memory.offset / sizeof(float);
}

}  // namespace raceline
