// What the machine would allow, beside what a plan takes: peaks and rooflines as text and JSON.
#pragma once
#include <string>

#include "cli/json.h"
#include "raceline/report/roofline.h"

namespace raceline::cli {

Json peaks_json(const Peaks& peaks);
/// Bounds, and the shares of them that a time reaches (bound over time).
Json roofline_json(double direct_us, double winograd_us, double us);
/// "roofline 12.0 us: 80 %", or, where Winograd needs fewer products, "roofline 12.0 us direct: 160 %, 6.0 us
/// by Winograd: 80 %". Empty for a layer without arithmetic.
std::string roofline_text(double direct_us, double winograd_us, double us);

}  // namespace raceline::cli
