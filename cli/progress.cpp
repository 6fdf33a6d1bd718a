#include "cli/progress.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

namespace raceline::cli {
namespace {

using std::chrono::steady_clock;

std::string clock_text(double seconds) {
  const long whole = std::lround(seconds);
  return fmt::format("{}:{:02}", whole / 60, whole % 60);
}

}  // namespace

Progress::Progress(std::string title)
    : title_(std::move(title)), terminal_(::isatty(2) != 0), start_(steady_clock::now()), last_(start_) {}

Progress::~Progress() {
  finish();
}

void Progress::show(size_t done, size_t all, std::string_view now) {
  const auto time = steady_clock::now();
  const double gap = terminal_ ? 0.1 : 10.0;
  if (done < all && std::chrono::duration<double>(time - last_).count() < gap && (drawn_ || !terminal_))
    return;
  last_ = time;
  const double spent = std::chrono::duration<double>(time - start_).count();
  const double share = all == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(all);
  const std::string left = share > 0.02 ? clock_text(spent / share - spent) : "?";
  if (!terminal_) {
    if (done < all) fmt::print(stderr, "{}: {}/{}, {} left\n", title_, done, all, left);
    return;
  }
  winsize size{};
  const size_t width = ::ioctl(2, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col : 80;
  const auto filled = static_cast<size_t>(share * 24);
  std::string line = fmt::format("{} [{}{}] {}/{} {} left  {}", title_, std::string(filled, '#'),
                                 std::string(24 - filled, '.'), done, all, left, now);
  fmt::print(stderr, "\r{}\x1b[K", line.substr(0, width - 1));
  std::fflush(stderr);
  drawn_ = true;
}

void Progress::finish() {
  if (drawn_) fmt::print(stderr, "\r\x1b[K");
  drawn_ = false;
}

}  // namespace raceline::cli
