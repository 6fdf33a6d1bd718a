#include "raceline/dataset/phases.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/profile/store.h"

namespace raceline {
namespace {

constexpr std::array<std::string_view, raw_steps> names{"initialise", "issue_copy", "copy_in", "convert",
                                                        "issue",      "reshape_in", "compute", "reshape_out",
                                                        "copy_out",   "hand_over"};

/// The median over runs of what `value` makes of each.
template <class Value>
double median_of(const std::vector<RawTimes>& runs, const Value& value) {
  std::vector<double> values;
  values.reserve(runs.size());
  for (const RawTimes& run : runs) values.push_back(value(run));
  return percentile(values, 0.5);
}

}  // namespace

std::string_view to_string(RawStep step) {
  return names[static_cast<size_t>(step)];
}

RawStep parse_raw_step(std::string_view text) {
  const auto found = std::find(names.begin(), names.end(), text);
  if (found == names.end()) {
    throw ParseError(
        fmt::format("'{}' is no raw step; wanted one of {}", text.substr(0, 80), fmt::join(names, ", ")));
  }
  return static_cast<RawStep>(found - names.begin());
}

Phases phases_of(const RawTimes& times, PhaseModel model) {
  const auto at = [&](RawStep step) { return times[static_cast<size_t>(step)]; };
  using enum RawStep;
  if (model == PhaseModel::perfnetrt) {
    return {at(initialise) + at(issue_copy) + at(copy_in) + at(convert) + at(issue),
            at(reshape_in) + at(compute) + at(reshape_out), at(copy_out) + at(hand_over)};
  }
  return {at(issue_copy) + at(copy_in) + at(issue) + at(reshape_in), at(compute),
          at(reshape_out) + at(copy_out) + at(hand_over)};
}

PhaseLabel phase_label(std::span<const std::vector<RawTimes>> rounds, PhaseModel model) {
  PhaseLabel label;
  for (double Phases::*phase : {&Phases::pre_us, &Phases::exe_us, &Phases::post_us}) {
    std::vector<double> values;
    for (const std::vector<RawTimes>& runs : rounds) {
      values.push_back(median_of(runs, [&](const RawTimes& run) { return phases_of(run, model).*phase; }));
    }
    label.p10.*phase = percentile(values, 0.1);
    label.median.*phase = percentile(values, 0.5);
  }
  return label;
}

double round_total_us(const std::vector<RawTimes>& runs) {
  return median_of(runs, [](const RawTimes& run) { return std::accumulate(run.begin(), run.end(), 0.0); });
}

bool is_outlier(std::vector<double> round_totals_us) {
  if (round_totals_us.size() < 2) return false;
  std::ranges::nth_element(round_totals_us, round_totals_us.begin() + 1);  // the fastest comes before it
  const double low = round_totals_us[0], apart = round_totals_us[1] - low;
  return apart > most_disagreement * low && apart > slack_us;
}

}  // namespace raceline
