#include "cli/roofline.h"

#include "raceline/base/text.h"

namespace raceline::cli {
namespace {

double share(double bound_us, double us) {
  return us > 0 ? bound_us / us : 0;
}

}  // namespace

Json peaks_json(const Peaks& peaks) {
  return {{"threads", peaks.threads},
          {"fma_gflops", peaks.fma_gflops},
          {"l2_gbs", peaks.l2_gbs},
          {"l3_gbs", peaks.l3_gbs},
          {"ram_gbs", peaks.ram_gbs}};
}

Json roofline_json(double direct_us, double winograd_us, double us) {
  return {{"direct_us", direct_us},
          {"winograd_us", winograd_us},
          {"share_of_direct", share(direct_us, us)},
          {"share_of_winograd", share(winograd_us, us)}};
}

std::string roofline_text(double direct_us, double winograd_us, double us) {
  if (direct_us <= 0) return {};
  const auto reached = [&](double bound_us) { return fmt::format("{:.0f} %", 100 * share(bound_us, us)); };
  if (winograd_us >= direct_us) {
    return fmt::format("roofline {}: {}", human_us(direct_us), reached(direct_us));
  }
  return fmt::format("roofline {} direct: {}, {} by Winograd: {}", human_us(direct_us), reached(direct_us),
                     human_us(winograd_us), reached(winograd_us));
}

}  // namespace raceline::cli
