#include "raceline/base/memory_file.h"

#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/base/write_all.h"

namespace raceline {

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
