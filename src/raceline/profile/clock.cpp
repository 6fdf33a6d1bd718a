#include "raceline/profile/clock.h"

#include <chrono>

namespace raceline {

Clock steady_clock() {
  return [] {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration<double, std::micro>(now).count();
  };
}

}  // namespace raceline
