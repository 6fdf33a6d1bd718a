#include "raceline/profile/sentinel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <thread>

#include "raceline/device/machine.h"

namespace raceline {
namespace {

constexpr int steps = 16000;
/// Threads with a core each take as long as one, but for what opening a region takes.
constexpr double region_us = 2;
constexpr double region_share = 1.05;
/// More than neighbours and the clock's ups and downs cost, less than half a core does.
constexpr double crowded_share = 1.5;
constexpr double pause_seconds = 0.05;
std::atomic<int> pauses_left = 0, pauses_taken = 0;

using Vector = float __attribute__((vector_size(16)));

/// Independent chains, enough to keep all of a core's units for floats at work: another thread on the same
/// core cannot run beside them, as it could beside one chain.
float burn() {
  constexpr int chains = 12;
  Vector sums[chains];
  for (int i = 0; i < chains; ++i) sums[i] = Vector{} + 1.0f + static_cast<float>(i);
  const Vector factor = Vector{} + 0.5f, addend = Vector{} + 0.5f;
  for (int step = 0; step < steps; ++step) {
#pragma GCC unroll 12
    for (int i = 0; i < chains; ++i) sums[i] = sums[i] * factor + addend;
  }
  float total = 0;
  for (const Vector& sum : sums) total += sum[0];
  return total;
}

void burn_on(int threads) {
  float total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
  total += burn();
  volatile float sink = total;
  static_cast<void>(sink);
}

bool pause_a_moment() {
  if (pauses_left <= 0) return false;
  --pauses_left;
  ++pauses_taken;
  std::this_thread::sleep_for(std::chrono::duration<double>(pause_seconds));
  return true;
}

}  // namespace

Sentinel::Sentinel(Clock clock, int threads)
    : Sentinel(std::move(clock), std::clamp(threads, 1, std::max(1, Machine::detect().physical_cores)),
               burn_on, pause_a_moment) {}

Sentinel::Sentinel(Clock clock, int threads, std::function<void(int threads)> work,
                   std::function<bool()> pause)
    : clock_(std::move(clock)), threads_(threads), work_(std::move(work)), pause_(std::move(pause)) {}

double Sentinel::best_of_three(int threads) const {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < 3; ++i) {
    const double begin = clock_();
    work_(threads);
    best = std::min(best, clock_() - begin);
  }
  return best;
}

double Sentinel::time_us() {
  const double us = best_of_three(threads_);
  if (best_us_ == 0) best_us_ = threads_ > 1 ? region_share * best_of_three(1) + region_us : us;
  best_us_ = std::min(best_us_, us);
  return us;
}

void set_patience(double seconds) {
  pauses_left = static_cast<int>(std::clamp(seconds, 0.0, 1e6) / pause_seconds);
}

double waited_seconds() {
  return pauses_taken * pause_seconds;
}

bool Sentinel::is_crowded(double us) const {
  return us > crowded_share * best_us_;
}

}  // namespace raceline
