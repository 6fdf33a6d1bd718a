#include "raceline/dataset/calm_watch.h"

#include <utility>

namespace raceline {

CalmWatch::CalmWatch(Clock clock, int threads, double drift)
    : clock_(std::move(clock)),
      threads_(threads),
      sentinel_(clock_, threads, Sentinel::Look::thorough),
      calm_(drift) {}

void CalmWatch::learn(const SampleStore& store, const std::string& device) {
  for (const double us : store.sentinel_times(device, Sentinel::revision(), threads_)) calm_.learn(us);
  if (calm_.reference_us() > 0) return;
  sentinel_.time_us();
  calm_.learn(sentinel_.best_us());
}

void CalmWatch::judge(PlatformSample& sample) const {
  if (sample.sentinel == Sentinel::revision() && sample.sentinel_threads == threads_)
    sample.disturbed = !calm_.is_calm(sample.sentinel_us);
}

double CalmWatch::look_us(double patience_us) {
  const double end = clock_() + patience_us;
  double us = look_us();
  while (!calm_.is_calm(us) && clock_() < end) us = look_us();
  return us;
}

void CalmWatch::note(PlatformSample& sample, double us) {
  calm_.learn(us);
  sample.disturbed = !calm_.is_calm(us);
  sample.sentinel = Sentinel::revision();
  sample.sentinel_threads = threads_;
  sample.sentinel_us = us;
}

}  // namespace raceline
