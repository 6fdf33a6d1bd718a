// The sentinel beside a collection: what it took before and after a round, and whether that was calm.
#pragma once
#include <string>

#include "raceline/dataset/calm.h"
#include "raceline/dataset/calm_history.h"
#include "raceline/profile/sample_store.h"
#include "raceline/profile/sentinel.h"

namespace raceline {

class CalmWatch {
 public:
  /// threads: cores that are watched.
  CalmWatch(Clock clock, int threads);

  /// Learns what is known of this machine; of one that nothing is known of, what a look takes now.
  void learn(CalmHistory& history, const std::string& device);

  /// What a look takes once the machine is calm, or after so long; 0: now.
  double look_us(double patience_us);
  /// What a look takes now.
  double look_us() { return sentinel_.time_us(); }
  bool is_calm(double us) const { return calm_.is_calm(us); }
  /// Whether the latest sample was disturbed, however often it was taken: the next is worth one attempt.
  bool is_crowded() const { return crowded_; }
  /// Learns what looks took around a sample, and writes it down there.
  void note(PlatformSample& sample, double us);

 private:
  Clock clock_;
  int threads_;
  Sentinel sentinel_;
  Calm calm_;
  bool crowded_ = false;
};

}  // namespace raceline
