// One process times at a time on a machine: two would measure each other.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <utility>

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

/// A TimingLock taken when something is about to be timed for the first time, and held from then on.
class TimingTurn {
 public:
  /// An empty path: there is nothing to wait for.
  explicit TimingTurn(std::filesystem::path path) : path_(std::move(path)) {}
  /// Waits for the lock unless it is held already, as TimingLock::acquire(). False: `waiting` gave up.
  bool take(const std::function<bool()>& waiting);

 private:
  std::filesystem::path path_;
  std::optional<TimingLock> lock_;
};

}  // namespace raceline
