// The sentinel beside a collection: what it took before and after a round, and whether that was calm.
#pragma once
#include <string>

#include "raceline/dataset/calm.h"
#include "raceline/profile/sample_store.h"
#include "raceline/profile/sentinel.h"

namespace raceline {

class CalmWatch {
 public:
  /// drift: as of Calm; threads: cores that are watched.
  CalmWatch(Clock clock, int threads, double drift);

  /// Learns what the store knows of this machine; of one that it does not know, what a look takes now.
  void learn(const SampleStore& store, const std::string& device);
  /// Judges a sample of an earlier sitting by what is known today: the first ones were judged by little.
  void judge(PlatformSample& sample) const;

  /// What a look takes once the machine is calm, or after so long.
  double look_us(double patience_us);
  /// What a look takes now.
  double look_us() { return sentinel_.time_us(); }
  bool is_calm(double us) const { return calm_.is_calm(us); }
  /// Learns what looks took around a sample, and writes it down there.
  void note(PlatformSample& sample, double us);

 private:
  Clock clock_;
  int threads_;
  Sentinel sentinel_;
  Calm calm_;
};

}  // namespace raceline
