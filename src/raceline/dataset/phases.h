// The three phases of a layer's or a network's time, from the raw steps that a worker reports. The one place
// that knows both papers' definitions; docs/platforms.md says what each step contains on each platform.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace raceline {

/// What happens between an application's call and its getting the result, in this order. A platform without
/// a step does not report it, and it counts 0.
enum class RawStep : uint8_t {
  initialise,   ///< setting the run up: arguments and variables
  issue_copy,   ///< issuing the copy of the input
  copy_in,      ///< copying the input to where the device reads it
  convert,      ///< preparing the engine for this run
  issue,        ///< issuing the operations: calls, dispatch, launch
  reshape_in,   ///< reordering inputs into the layout that the kernels want
  compute,      ///< the kernels of the layer itself
  reshape_out,  ///< reordering outputs into the layout that the caller wants
  copy_out,     ///< copying the output back
  hand_over,    ///< returning the result to the application
};
inline constexpr size_t raw_steps = 10;

std::string_view to_string(RawStep step);
/// Throws ParseError.
RawStep parse_raw_step(std::string_view text);

/// Durations of one run in microseconds, one for each RawStep. compute is the layer's own kernels; the
/// papers' "kernels" C(f, d) are reshape_in + compute + reshape_out.
using RawTimes = std::array<double, raw_steps>;

struct Phases {
  double pre_us = 0, exe_us = 0, post_us = 0;
  double total_us() const { return pre_us + exe_us + post_us; }
  friend bool operator==(const Phases&, const Phases&) = default;
};

/// Whose definition of the phases.
enum class PhaseModel : uint8_t {
  /// Section III-A, six steps. Preprocess: Initialization (initialise, issue_copy, issue), MemCopyH2D
  /// (copy_in), TRTEngineOp (convert). Execution: Inference, which is all kernels, reshapings included.
  /// Postprocess: MemcopyD2H (copy_out), ReturnValue (hand_over).
  perfnetrt,
  /// Equations 4 to 6. Preprocess: R(input) issue_copy, M(input) copy_in, R(f) issue, T(input) reshape_in.
  /// Execution: the kernels less both reshapings. Postprocess: T(output) reshape_out, M(output) copy_out,
  /// V(output) hand_over. initialise and convert have no term in these equations.
  resperfnet,
};

Phases phases_of(const RawTimes& times, PhaseModel model);

/// Phases of one row: of each round the median over its runs, of these the 10th percentile over rounds (the
/// label) and the median. Phases are formed for each run first: they are not sums of percentiles.
struct PhaseLabel {
  Phases p10, median;
};

/// rounds: for each round the runs' times. No round may be empty, and there is one at least.
PhaseLabel phase_label(std::span<const std::vector<RawTimes>> rounds, PhaseModel model);

/// The rule by which a row is an outlier: no other round confirms the fastest. The second-fastest round's
/// total time (median over its runs) is above the fastest's by more than `most_disagreement` of it and by
/// more than `slack_us`. The label of three rounds lies between these two; what was slower was disturbed, and
/// says nothing of it.
inline constexpr double most_disagreement = 0.10;
inline constexpr double slack_us = 1.0;
bool is_outlier(std::vector<double> round_totals_us);

/// The median over a round's runs of all steps together: what is_outlier() compares. runs is not empty.
double round_total_us(const std::vector<RawTimes>& runs);

}  // namespace raceline
