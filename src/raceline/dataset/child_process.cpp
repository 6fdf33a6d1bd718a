#include "raceline/dataset/child_process.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace raceline {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// Waits until the socket can be read (or written); false when the deadline comes first.
bool wait_for(int socket, int16_t event, double deadline) {
  while (true) {
    const double left = deadline - now();
    pollfd watched{socket, event, 0};
    const int ready = ::poll(&watched, 1, static_cast<int>(std::clamp(left * 1e3, 0.0, 1e9)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

/// What the child does between fork and exec: only calls that are safe there.
[[noreturn]] void become(char* const* command, char* const* environment, int socket, int log, pid_t parent,
                         const cpu_set_t* cores) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (cores != nullptr) ::sched_setaffinity(0, sizeof *cores, cores);
  ::dup2(socket, STDIN_FILENO);
  ::dup2(socket, STDOUT_FILENO);
  if (log >= 0) ::dup2(log, STDERR_FILENO);
  ::execvpe(command[0], command, environment);
  ::_exit(127);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  list.reserve(texts.size() + 1);
  for (std::string& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

/// Our environment with some variables set.
std::vector<std::string> environment_with(const std::vector<std::pair<std::string, std::string>>& variables) {
  std::vector<std::string> all;
  for (char** entry = ::environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto same = [&](const auto& variable) { return text.substr(0, text.find('=')) == variable.first; };
    if (std::none_of(variables.begin(), variables.end(), same)) all.emplace_back(text);
  }
  for (const auto& [name, value] : variables) all.push_back(fmt::format("{}={}", name, value));
  return all;
}

}  // namespace

std::string_view to_string(ChildError::Kind kind) {
  if (kind == ChildError::Kind::timeout) return "timeout";
  return kind == ChildError::Kind::garbage ? "garbage" : "ended";
}

ChildProcess::ChildProcess(const std::vector<std::string>& command, const Options& options) {
  if (command.empty()) throw IoError("a command to start is empty");
  name_ = command[0];
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    throw IoError(fmt::format("'{}' can't be started: {}", name_, std::strerror(errno)));
  }
  int log = -1;
  if (!options.log.empty()) {
    log = ::open(options.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  }
  cpu_set_t cores;
  CPU_ZERO(&cores);
  for (const int core : options.cores) CPU_SET(static_cast<size_t>(core), &cores);
  std::vector<std::string> words = command, variables = environment_with(options.environment);
  const std::vector<char*> argv = pointers(words), environment = pointers(variables);
  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    become(argv.data(), environment.data(), ends[1], log, parent, options.cores.empty() ? nullptr : &cores);
  }
  const int error = errno;
  ::close(ends[1]);
  if (log >= 0) ::close(log);
  if (pid_ < 0) {
    ::close(ends[0]);
    throw IoError(fmt::format("'{}' can't be started: {}", name_, std::strerror(error)));
  }
  ::setpgid(pid_, pid_);
  socket_ = ends[0];
}

ChildProcess::~ChildProcess() {
  end();
}

ChildProcess::ChildProcess(ChildProcess&& other) noexcept
    : name_(std::move(other.name_)),
      pid_(std::exchange(other.pid_, -1)),
      socket_(std::exchange(other.socket_, -1)),
      buffer_(std::move(other.buffer_)) {}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
  if (this != &other) {
    end();
    name_ = std::move(other.name_);
    pid_ = std::exchange(other.pid_, -1);
    socket_ = std::exchange(other.socket_, -1);
    buffer_ = std::move(other.buffer_);
  }
  return *this;
}

void ChildProcess::end() noexcept {
  if (pid_ > 0) {
    ::kill(-pid_, SIGKILL);
    ::kill(pid_, SIGKILL);
    while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
}

void ChildProcess::finish(double seconds) noexcept {
  if (socket_ >= 0) ::shutdown(socket_, SHUT_RDWR);
  siginfo_t ended{};
  for (const double deadline = now() + seconds; pid_ > 0 && now() < deadline && ended.si_pid == 0;) {
    // It stays to be waited for, so that its number is still its own when its group is killed.
    if (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) != 0) break;
    if (ended.si_pid == 0) ::usleep(1000);
  }
  end();
}

void ChildProcess::fail_ended() {
  int status = 0;
  pid_t ended = 0;
  // The socket closes a moment before the process can be waited for.
  for (int tries = 0; tries < 200 && ended == 0; ++tries) {
    ended = ::waitpid(pid_, &status, WNOHANG);
    if (ended == 0) ::usleep(1000);
  }
  std::string how = "it closed its output";
  if (ended == pid_) {
    ::kill(-pid_, SIGKILL);  // what it started and left
    pid_ = -1;
    if (WIFSIGNALED(status)) {
      how = fmt::format("it was ended by signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    } else if (WEXITSTATUS(status) == 127) {
      how = "it can't be run, or ended with status 127";
    } else {
      how = fmt::format("it ended with status {}", WEXITSTATUS(status));
    }
  }
  throw ChildError(ChildError::Kind::ended, fmt::format("'{}' does not answer: {}", name_, how));
}

void ChildProcess::send(std::string_view bytes, double seconds) {
  const double deadline = now() + seconds;
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      if (!wait_for(socket_, POLLOUT, deadline)) {
        throw ChildError(ChildError::Kind::timeout,
                         fmt::format("'{}' took nothing for {:.0f} s", name_, seconds));
      }
    } else if (errno != EINTR) {
      fail_ended();
    }
  }
}

void ChildProcess::fill(double deadline) {
  if (!wait_for(socket_, POLLIN, deadline)) {
    throw ChildError(ChildError::Kind::timeout, fmt::format("'{}' did not answer in time", name_));
  }
  char block[1 << 16];
  ssize_t got = 0;
  do {
    got = ::recv(socket_, block, sizeof block, 0);
  } while (got < 0 && errno == EINTR);
  if (got <= 0) fail_ended();
  buffer_.append(block, static_cast<size_t>(got));
}

std::string ChildProcess::read_line(double seconds, size_t most) {
  const double deadline = now() + seconds;
  size_t searched = 0;
  while (true) {
    const size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos && end <= most) {
      std::string line = buffer_.substr(0, end);
      buffer_.erase(0, end + 1);
      return line;
    }
    if (std::min(end, buffer_.size()) > most) {
      throw ChildError(ChildError::Kind::garbage,
                       fmt::format("'{}' sent a line of more than {} bytes", name_, most));
    }
    searched = buffer_.size();
    fill(deadline);
  }
}

std::string ChildProcess::read_bytes(size_t count, double seconds) {
  const double deadline = now() + seconds;
  while (buffer_.size() < count) fill(deadline);
  std::string bytes = buffer_.substr(0, count);
  buffer_.erase(0, count);
  return bytes;
}

void ChildProcess::pause() const {
  if (pid_ > 0) ::kill(-pid_, SIGSTOP);
}

void ChildProcess::resume() const {
  if (pid_ > 0) ::kill(-pid_, SIGCONT);
}

}  // namespace raceline
