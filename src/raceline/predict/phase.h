// Which of a layer's three times is predicted.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "raceline/dataset/phases.h"

namespace raceline {

enum class Phase : uint8_t { pre, exe, post };
inline constexpr std::array all_phases{Phase::pre, Phase::exe, Phase::post};

std::string_view to_string(Phase phase);
/// Throws ParseError.
Phase parse_phase(std::string_view text);
double time_of(const Phases& phases, Phase phase);

std::string_view to_string(PhaseModel model);
/// Throws ParseError.
PhaseModel parse_phase_model(std::string_view text);

}  // namespace raceline
