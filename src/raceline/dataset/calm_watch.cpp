#include "raceline/dataset/calm_watch.h"

#include <utility>

namespace raceline {

CalmWatch::CalmWatch(Clock clock, int threads)
    : clock_(std::move(clock)), threads_(threads), sentinel_(clock_, threads, Sentinel::Look::thorough) {}

void CalmWatch::learn(CalmHistory& history, const std::string& device) {
  calm_ = history.of(device, Sentinel::revision(), threads_);
  if (calm_.reference_us() > 0) return;
  sentinel_.time_us();
  calm_.learn(sentinel_.best_us());
}

double CalmWatch::look_us(double patience_us) {
  const double end = clock_() + patience_us;
  double us = look_us();
  while (!calm_.is_calm(us) && clock_() < end) us = look_us();
  return us;
}

void CalmWatch::note(PlatformSample& sample, double us) {
  calm_.learn(us);
  sample.disturbed = crowded_ = !calm_.is_calm(us);
  sample.sentinel = Sentinel::revision();
  sample.sentinel_threads = threads_;
  sample.sentinel_us = us;
}

}  // namespace raceline
