#include "raceline/dataset/calm.h"

#include <algorithm>

namespace raceline {

void Calm::learn(double us) {
  if (us > 0) times_.insert(std::ranges::upper_bound(times_, us), us);
}

double Calm::reference_us() const {
  return times_.empty() ? 0 : times_[times_.size() / 4];
}

bool Calm::is_calm(double us) const {
  return times_.empty() || us <= (1 + drift_) * reference_us();
}

}  // namespace raceline
