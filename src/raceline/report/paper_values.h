// What the papers on prediction print, as data: PerfNetRT (Liao et al.) and ResPerfNet (Wang et al.).
#pragma once
#include <limits>
#include <span>
#include <string_view>

#include "raceline/predict/phase.h"

namespace raceline {

inline constexpr double not_printed = std::numeric_limits<double>::quiet_NaN();

/// One line of a table of accuracy. Times in milliseconds.
struct PaperAccuracy {
  std::string_view paper;     ///< "perfnetrt", "resperfnet"
  std::string_view table;     ///< "1", "IV"
  std::string_view platform;  ///< "TensorFlow, GTX 1080 Ti"
  std::string_view approach;  ///< "ResPerfNet"
  std::string_view type;      ///< a layer type, as layer_type() has it
  Phase phase = Phase::exe;
  double mape_percent = not_printed, rmse_ms = not_printed, mae_ms = not_printed, r2 = not_printed;
};
std::span<const PaperAccuracy> paper_accuracies();
/// nullptr when the paper prints no such line; an empty platform takes the first.
const PaperAccuracy* paper_accuracy(std::string_view paper, std::string_view table, std::string_view platform,
                                    std::string_view approach, std::string_view type, Phase phase);

/// Error of whole networks, in the mean over batches (and over networks, where `network` is "all").
struct PaperNetwork {
  std::string_view paper, place, platform, approach, network;
  double mape_percent = not_printed;
};
std::span<const PaperNetwork> paper_networks();

/// PerfNetRT's figure 2: what its LeNet-5 of batch 1 is predicted to take.
struct PaperStep {
  std::string_view name;
  double ms = not_printed;
};
std::span<const PaperStep> paper_lenet_steps();

}  // namespace raceline
