// The one measuring function: candidates interleaved in rounds, all samples kept. See docs/measuring.md.
#pragma once
#include <cstdint>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "raceline/base/status.h"
#include "raceline/device/device.h"
#include "raceline/profile/clock.h"
#include "raceline/profile/sentinel.h"

namespace raceline {

/// Something to be timed: a kernel on its buffers, or a whole session.
struct Contender {
  std::string name;
  /// One call. The queue is waited for inside the clock.
  std::function<Status(Queue&)> run;
  /// Puts buffers into the state a call should find; outside the clock, once before each sample. May be
  /// empty.
  std::function<void(Queue&)> before_sample;
  /// Time of an earlier call, 0 if there was none: where it says that a call is long, no call is spent on
  /// warming up and on counting how many make a sample.
  double known_us = 0;
  /// Whose work it is, where it is not measure()'s queue.
  Queue* queue = nullptr;
  /// Shorter calls are repeated in one sample, which is waited for once: in the place of
  /// MeasureOptions::batch_below_us where it is more. An accelerator is given its work ahead, as a Session
  /// gives it.
  double batch_below_us = 0;
};

/// How to measure. Each number stands with its reason.
struct MeasureOptions {
  int rounds = 12;           ///< undisturbed rounds: the 10th percentile then lies above the luckiest sample
  int min_rounds = 5;        ///< given even to contenders so slow that the limit of time is passed
  double enough_us = 1.5e6;  ///< after min_rounds, no new round begins when the rounds have taken this long
  int max_repeats = 12;      ///< disturbed rounds that are made up for; then the machine is taken as it is
  double sentinel_drift =
      0.03;  ///< a round is disturbed when its sentinel is slower than the best by this share
  double batch_below_us =
      10;              ///< shorter calls are repeated in one sample: 100 times what a clock reading costs
  int drop_after = 3;  ///< undisturbed rounds (or twice as many of any) before a contender may be dropped
  double drop_factor = 1.25;  ///< dropped when its best sample exceeds this many times its limit
  /// Dropped after any round when its best sample, and the earlier call it is known by, exceed this many
  /// times its limit...
  double drop_at_once_factor = 2;
  /// ...if they are longer than this: nothing that takes a core away lasts as long.
  double drop_at_once_above_us = 5000;
  uint64_t seed = 1;  ///< of the order within rounds
  Clock clock = steady_clock();
  /// The time above which a contender cannot win, given the best times so far (infinite where none); empty:
  /// nobody is dropped.
  std::function<double(size_t contender, std::span<const double> best_us)> limit_us;
  std::function<void()> before_round;  ///< outside the clock; may be empty
  std::function<bool()> stop;          ///< asked before each round; true ends the measurement. May be empty.
};

/// The samples of one contender.
struct Measurement {
  std::vector<double> samples_us;  ///< of one call each, in the order taken; disturbed rounds included
  int batch = 1;                   ///< calls in a sample
  bool dropped = false;            ///< could not win
  std::string why;                 ///< not empty: a call failed, or the clock did not move

  double best_us() const;
};

struct MeasureResult {
  std::vector<Measurement> contenders;
  int rounds = 0;  ///< all, disturbed ones included
  int disturbed = 0;
  bool stopped = false;
};

/// Times the contenders on the queue: warm-up, then rounds in each of which everyone still in the race gives
/// one sample, in random order. Samples of one index belong to one round (for those never dropped), so ratios
/// may be formed within rounds.
MeasureResult measure(std::span<const Contender> contenders, Queue& queue, Sentinel& sentinel,
                      const MeasureOptions& options);

}  // namespace raceline
