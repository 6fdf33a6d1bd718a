// The raw steps of docs/platforms.md, of a session's run.
#pragma once
#include <span>

#include "raceline/dataset/phases.h"
#include "raceline/runtime/session.h"

namespace raceline::cli {

/// Adds to the raw steps of a run what the session's steps took in it. Conversions before the first layer
/// reshape the input, those after the last the output; what crosses to an accelerator and back there is
/// copying. While an accelerator waits for a copy there, that is being issued, and while it waits for
/// anything else but the copy back, so is that.
void add_steps(RawTimes& times, std::span<const StepInfo> steps, std::span<const StepTrace> traces);

}  // namespace raceline::cli
