#include "raceline/kernels/opencl/clblast_library.h"

#include <filesystem>

#include <dlfcn.h>
#include <fmt/format.h>

namespace raceline {
namespace {

constexpr const char* library_file = "libclblast.so.1";

/// CLBlast says its version nowhere but in the name of the file behind the link: "1.5.3" of
/// libclblast.so.1.5.3.
std::string version_of(const void* function) {
  Dl_info info{};
  if (::dladdr(function, &info) == 0 || info.dli_fname == nullptr) return "unknown";
  std::error_code error;
  const std::string file = std::filesystem::canonical(info.dli_fname, error).filename().string();
  const size_t at = file.find(".so.");
  return error || at == std::string::npos ? "unknown" : file.substr(at + 4);
}

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
    library.version = version_of(reinterpret_cast<const void*>(library.sgemm));
    return library;
  }
  return std::nullopt;
}

PrimitiveInfo clblast_info(const ClblastLibrary& library, OpKind op, std::string algorithm) {
  PrimitiveInfo info = opencl_info(op, std::move(algorithm), "", "clblast");
  info.library_version = library.version;
  return info;
}

Status clblast_status(OpenClQueue& queue, int error, cl_event event) {
  if (error != 0) {
    constexpr int least_of_opencl = -1024;
    return Status::failed(error > least_of_opencl ? opencl_message(error) : "CLBlast: a call failed");
  }
  return queue.took(CL_SUCCESS, event);
}

size_t offset_of(Memory memory) {
  return memory.offset / sizeof(float);
}

}  // namespace raceline
