#include "cli/session_steps.h"

#include <algorithm>

namespace raceline::cli {
namespace {

/// What a conversion of a session's plan does.
enum class Move : uint8_t { none, reshapes, to_accelerator, to_host };

Move move_of(const StepInfo& step) {
  if (!step.conversion && !step.covers.empty()) return Move::none;
  if (step.from == step.to) return Move::reshapes;
  return step.to.kind == DeviceKind::cpu ? Move::to_host : Move::to_accelerator;
}

}  // namespace

void add_steps(RawTimes& times, std::span<const StepInfo> steps, std::span<const StepTrace> traces) {
  const auto at = [&](RawStep step) -> double& { return times[static_cast<size_t>(step)]; };
  const auto is_layer = [](const StepInfo& step) { return !step.conversion; };
  const auto first = std::ranges::find_if(steps, is_layer) - steps.begin();
  const auto behind_last =
      std::ranges::find_if(steps.rbegin(), steps.rend(), is_layer).base() - steps.begin();
  for (size_t step = 0; step < steps.size(); ++step) {
    const auto [idle, busy] = traces[step];
    const Move move = move_of(steps[step]);
    const auto place = static_cast<ptrdiff_t>(step);
    const bool before = move != Move::none && place < first;
    const bool behind = move != Move::none && place >= behind_last;
    if (before && move == Move::to_accelerator) {
      at(RawStep::issue_copy) += idle;
      at(RawStep::copy_in) += busy;
    } else if (behind && move == Move::to_host) {
      at(RawStep::copy_out) += idle + busy;
    } else {
      at(RawStep::issue) += idle;
      at(before ? RawStep::reshape_in : behind ? RawStep::reshape_out : RawStep::compute) += busy;
    }
  }
}

}  // namespace raceline::cli
