// A progress line on stderr: a bar with time left on a terminal, a line now and then otherwise.
#pragma once
#include <chrono>
#include <string>
#include <string_view>

namespace raceline::cli {

class Progress {
 public:
  explicit Progress(std::string title);
  ~Progress();
  /// done of all; what is going on now.
  void show(size_t done, size_t all, std::string_view now);
  /// Clears the bar.
  void finish();

 private:
  std::string title_;
  bool terminal_;
  bool drawn_ = false;
  std::chrono::steady_clock::time_point start_, last_;
};

}  // namespace raceline::cli
