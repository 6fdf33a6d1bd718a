// The time of each step of a run, as Chrome trace JSON: Perfetto and chrome://tracing open it.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "raceline/runtime/session.h"

namespace raceline {

/// Complete events ("X") one after another from time 0, in microseconds, one thread; conversions are their
/// own category. Several runs follow each other: `times_us` has one entry a step for each, and an event
/// around each run's steps.
std::string chrome_trace(std::string_view model, std::span<const StepInfo> steps,
                         std::span<const double> times_us);

}  // namespace raceline
