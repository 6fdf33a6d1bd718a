#include "raceline/predict/phase.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr std::array<std::string_view, 3> phase_names{"pre", "exe", "post"};
constexpr std::array<std::string_view, 2> model_names{"perfnetrt", "resperfnet"};

template <class T, size_t N>
T parse_among(const std::array<std::string_view, N>& names, std::string_view text, std::string_view what) {
  for (size_t index = 0; index < N; ++index) {
    if (text == names[index]) return static_cast<T>(index);
  }
  throw ParseError(fmt::format("'{}' is no {}; wanted {}", text.substr(0, 80), what, fmt::join(names, ", ")));
}

}  // namespace

std::string_view to_string(Phase phase) {
  return phase_names[static_cast<size_t>(phase)];
}

Phase parse_phase(std::string_view text) {
  return parse_among<Phase>(phase_names, text, "phase");
}

double time_of(const Phases& phases, Phase phase) {
  switch (phase) {
    case Phase::pre:
      return phases.pre_us;
    case Phase::exe:
      return phases.exe_us;
    default:
      return phases.post_us;
  }
}

std::string_view to_string(PhaseModel model) {
  return model_names[static_cast<size_t>(model)];
}

PhaseModel parse_phase_model(std::string_view text) {
  return parse_among<PhaseModel>(model_names, text, "definition of phases");
}

}  // namespace raceline
