// One process times at a time on a machine: two would measure each other.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>

namespace raceline {

/// Where programs that do not say otherwise meet.
inline constexpr const char* default_timing_lock = "/tmp/raceline-timing.lock";

/// An advisory lock (flock) on a file, held until the object ends or the process dies.
class TimingLock {
 public:
  /// Waits for the lock. While another process holds it, `waiting` is called about five times a second; it
  /// returns false to give up, and then there is no lock. Throws IoError when the file cannot be opened.
  static std::optional<TimingLock> acquire(const std::filesystem::path& path,
                                           const std::function<bool()>& waiting);
  ~TimingLock();
  TimingLock(TimingLock&& other) noexcept;
  TimingLock& operator=(TimingLock&& other) noexcept;

 private:
  explicit TimingLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace raceline
