#include "raceline/base/file_identity.h"

#include <cerrno>
#include <cstring>
#include <system_error>

#include <fmt/format.h>
#include <sys/stat.h>

#include "raceline/base/error.h"

namespace raceline {

FileIdentity identity_of(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0)
    throw IoError(fmt::format("cannot read '{}': {}", path.string(), std::strerror(errno)));
  return {.inode = info.st_ino,
          .size = static_cast<uint64_t>(info.st_size),
          .modified_ns = info.st_mtim.tv_sec * int64_t{1'000'000'000} + info.st_mtim.tv_nsec};
}

bool link_to_same(const std::filesystem::path& path, const FileIdentity& wanted,
                  const std::filesystem::path& here) {
  std::error_code cannot;
  if (std::filesystem::exists(path, cannot) && identity_of(path) == wanted)
    std::filesystem::create_hard_link(path, here, cannot);
  return std::filesystem::exists(here);
}

}  // namespace raceline
