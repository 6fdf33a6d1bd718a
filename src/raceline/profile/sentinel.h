// Whether the machine runs as fast as it can: a fixed piece of arithmetic, timed now and then.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "raceline/profile/clock.h"

namespace raceline {

/// Arithmetic in registers, on as many threads as what is measured, that keeps a core's units busy. It sees
/// the clock frequency, a core that others use as well, and threads that were put onto one core (two
/// processors of a virtual machine may be one core's two halves for seconds at a time: then two threads are
/// as fast as one).
class Sentinel {
 public:
  /// The best of three looks of 40 us, beside rounds that are as short; or one look of 2 ms, which meets
  /// whoever uses the same core now and then.
  enum class Look : uint8_t { brief, thorough };

  /// threads: those measured on; no more are looked at than the machine has cores.
  explicit Sentinel(Clock clock, int threads = 1, Look look = Look::brief);
  /// work: one run of it on so many threads; pause: lets a moment pass, or says false: it has waited long
  /// enough. For tests.
  Sentinel(Clock clock, int threads, std::function<void(int threads)> work, std::function<bool()> pause = {});

  /// What a look takes on all threads at once.
  double time_us();
  /// Of the arithmetic of thorough looks: times of one revision may be compared.
  static std::string revision();
  /// Fastest time so far; 0 before the first. Never much above the time on one thread: that the threads share
  /// a core is seen from the beginning.
  double best_us() const { return best_us_; }
  /// Whether a run took so much longer than the best that a core must be shared.
  bool is_crowded(double us) const;
  /// Lets a moment pass, as what crowds the machine may end. False when the sentinels of this process have
  /// waited as long as set_patience() allows.
  bool wait() const { return pause_ && pause_(); }
  /// The machine has changed for good: from here on this is what counts as its speed.
  void accept(double us) { best_us_ = us; }

 private:
  double look_us(int threads) const;

  Clock clock_;
  int threads_;
  int runs_ = 3;  ///< of a look: the best counts
  std::function<void(int)> work_;
  std::function<bool()> pause_;
  double best_us_ = 0;
};

/// How long the sentinels of this process may wait in all: not at all unless a program says so.
void set_patience(double seconds);
/// How long they have waited so far.
double waited_seconds();

}  // namespace raceline
