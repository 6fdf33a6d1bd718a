#include "raceline/runtime/step_trace.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {

double divide_time(std::span<const TracedStep> steps, std::span<const CommandTimes> commands, double whole_us,
                   std::span<StepTrace> traces) {
  size_t next = 0;
  double done_us = 0;    // by the host's clock: until then all is divided
  double offset_us = 0;  // of the host's clock to the device's
  for (size_t step = 0; step < steps.size(); ++step) {
    StepTrace& trace = traces[step] = {};
    for (size_t own = 0; own < steps[step].commands && next < commands.size(); ++own, ++next) {
      const CommandTimes& command = commands[next];
      if (next == 0) offset_us = steps[step].entered_us - command.queued_us;
      const double start_us = command.start_us + offset_us, end_us = command.end_us + offset_us;
      const double idle_us = std::max(0.0, start_us - done_us);
      (own > 0 && steps[step].copies_itself ? trace.busy_us : trace.idle_us) += idle_us;
      trace.busy_us += std::max(0.0, end_us - std::max(start_us, done_us));
      done_us = std::max(done_us, end_us);
    }
  }
  constexpr double tolerance = 1.05, tolerance_us = 20;
  if (done_us > tolerance * whole_us + tolerance_us) {
    throw DeviceError(
        fmt::format("the device says that its commands took {:.1f} us, of {:.1f} us that the host waited",
                    done_us, whole_us));
  }
  return std::max(0.0, whole_us - done_us);
}

}  // namespace raceline
