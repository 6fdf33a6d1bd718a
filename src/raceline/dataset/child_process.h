// A program of somebody else's, run beside us: started, spoken to, paused, and never left behind.
#pragma once
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "raceline/base/error.h"

namespace raceline {

/// The program did not answer as it should. Its kind says how.
class ChildError : public Error {
 public:
  enum class Kind { ended, timeout, garbage };
  ChildError(Kind kind, const std::string& what) : Error(what), kind_(kind) {}
  Kind kind() const { return kind_; }

 private:
  Kind kind_;
};

/// "ended", "timeout", "garbage".
std::string_view to_string(ChildError::Kind kind);

/// A child whose standard input and output are ours. It is killed, with all that it started, when the object
/// ends, and when we are killed.
class ChildProcess {
 public:
  struct Options {
    std::vector<int> cores;     ///< on which it may run; empty: as we
    std::filesystem::path log;  ///< where its standard error goes, appended; empty: to ours
    std::vector<std::pair<std::string, std::string>> environment;  ///< set in addition to ours
  };

  /// command[0] is looked up in PATH. Throws IoError when no process can be made; a program that cannot be
  /// run shows as a child that ended.
  ChildProcess(const std::vector<std::string>& command, const Options& options);
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&& other) noexcept;

  /// Throws ChildError.
  void send(std::string_view bytes, double seconds);
  /// The next line, without its end. A line of more than `most` bytes is garbage. Throws ChildError.
  std::string read_line(double seconds, size_t most = size_t{1} << 24);
  /// Throws ChildError.
  std::string read_bytes(size_t count, double seconds);

  /// Stops it where it is, threads that spin included, and lets it go on.
  void pause() const;
  void resume() const;

  bool is_running() const { return pid_ > 0; }
  /// Lets it end by itself, for so long; it is killed otherwise. Of no use afterwards.
  void finish(double seconds) noexcept;

 private:
  void fill(double deadline);
  [[noreturn]] void fail_ended();
  void end() noexcept;

  std::string name_;
  int pid_ = -1;
  int socket_ = -1;
  std::string buffer_;
};

}  // namespace raceline
