#include "raceline/profile/timing_lock.h"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

/// Reading is enough for flock, and lets users share a file that one of them made. O_CREAT comes second: the
/// system refuses it for another user's file in a sticky directory.
int open_lock(const std::filesystem::path& path) {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  const int descriptor = ::open(path.c_str(), flags);
  if (descriptor >= 0 || errno != ENOENT) return descriptor;
  return ::open(path.c_str(), flags | O_CREAT, 0644);
}

}  // namespace

std::optional<TimingLock> TimingLock::acquire(const std::filesystem::path& path,
                                              const std::function<bool()>& waiting) {
  const int descriptor = open_lock(path);
  if (descriptor < 0) {
    throw IoError(fmt::format("cannot open the timing lock {}: {}", path.string(), std::strerror(errno)));
  }
  TimingLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      throw IoError(fmt::format("cannot lock {}: {}", path.string(), std::strerror(errno)));
    }
    if (!waiting()) return std::nullopt;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return lock;
}

TimingLock::~TimingLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

TimingLock::TimingLock(TimingLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

TimingLock& TimingLock::operator=(TimingLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

bool TimingTurn::take(const std::function<bool()>& waiting) {
  if (!lock_ && !path_.empty()) lock_ = TimingLock::acquire(path_, waiting);
  return path_.empty() || lock_.has_value();
}

}  // namespace raceline
