#include "raceline/dataset/calm_history.h"

namespace raceline {

CalmHistory::CalmHistory(const SampleStore& store, double drift) : store_(store), drift_(drift) {}

const Calm& CalmHistory::of(const std::string& device, const std::string& sentinel, int threads) {
  const auto [found, is_new] = known_.try_emplace({device, sentinel, threads}, drift_);
  if (is_new) {
    for (const double us : store_.sentinel_times(device, sentinel, threads)) found->second.learn(us);
  }
  return found->second;
}

void CalmHistory::judge(PlatformSample& sample, const std::string& device) {
  if (sample.sentinel.empty()) return;
  sample.disturbed = !of(device, sample.sentinel, sample.sentinel_threads).is_calm(sample.sentinel_us);
}

}  // namespace raceline
