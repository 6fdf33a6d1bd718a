#include "raceline/profile/sentinel.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <limits>
#include <string_view>
#include <thread>

#include <fmt/format.h>

#include "raceline/device/machine.h"

namespace raceline {
namespace {

constexpr int brief_steps = 16000, thorough_steps = 800'000;
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
float burn(int steps) {
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

void burn_on(int threads, int steps) {
  float total = 0;
#pragma omp parallel num_threads(threads) reduction(+ : total)
  total += burn(steps);
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

Sentinel::Sentinel(Clock clock, int threads, Look look)
    : Sentinel(
          std::move(clock), std::clamp(threads, 1, std::max(1, Machine::detect().physical_cores)),
          [steps = look == Look::brief ? brief_steps : thorough_steps](int used) { burn_on(used, steps); },
          pause_a_moment) {
  if (look == Look::thorough) runs_ = 1;
}

Sentinel::Sentinel(Clock clock, int threads, std::function<void(int threads)> work,
                   std::function<bool()> pause)
    : clock_(std::move(clock)), threads_(threads), work_(std::move(work)), pause_(std::move(pause)) {}

double Sentinel::look_us(int threads) const {
  double best = std::numeric_limits<double>::infinity();
  for (int i = 0; i < runs_; ++i) {
    const double begin = clock_();
    work_(threads);
    best = std::min(best, clock_() - begin);
  }
  return best;
}

std::string Sentinel::revision() {
#ifdef __OPTIMIZE__
  constexpr std::string_view optimised = "optimised";
#else
  constexpr std::string_view optimised = "plain";
#endif
  return fmt::format("{} steps, {}, {}", thorough_steps, __VERSION__, optimised);
}

double Sentinel::time_us() {
  const double us = look_us(threads_);
  if (best_us_ == 0) best_us_ = threads_ > 1 ? region_share * look_us(1) + region_us : us;
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
