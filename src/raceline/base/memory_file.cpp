#include "raceline/base/memory_file.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

/// What is written until all is; the error otherwise, 0 for none.
int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return 0;
}

}  // namespace

MemoryFile::MemoryFile(std::string_view bytes) : fd_(::memfd_create("raceline", MFD_CLOEXEC)) {
  const int error = fd_ < 0 ? errno : write_all(fd_, bytes);
  if (error == 0) return;
  if (fd_ >= 0) ::close(fd_);
  throw IoError(fmt::format("no memory for a file of {} bytes: {}", bytes.size(), std::strerror(error)));
}

MemoryFile::~MemoryFile() {
  ::close(fd_);
}

std::filesystem::path MemoryFile::path() const {
  return fmt::format("/proc/self/fd/{}", fd_);
}

}  // namespace raceline
