// Time as measuring functions read it.
#pragma once
#include <functional>

namespace raceline {

/// Microseconds since some fixed moment. An argument, so that tests own the time.
using Clock = std::function<double()>;
/// The system's monotonic clock.
Clock steady_clock();

}  // namespace raceline
