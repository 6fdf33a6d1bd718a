#include "raceline/report/trace.h"

#include <nlohmann/json.hpp>

namespace raceline {

std::string chrome_trace(std::string_view model, std::span<const StepInfo> steps,
                         std::span<const double> times_us) {
  using Json = nlohmann::ordered_json;
  Json events = Json::array();
  events.push_back({{"ph", "M"}, {"pid", 1}, {"name", "process_name"}, {"args", {{"name", model}}}});
  double now = 0;
  for (size_t index = 0; index < steps.size(); ++index) {
    const StepInfo& step = steps[index];
    events.push_back({{"ph", "X"},
                      {"pid", 1},
                      {"tid", 1},
                      {"name", step.name},
                      {"cat", step.conversion ? "conversion" : "layer"},
                      {"ts", now},
                      {"dur", times_us[index]},
                      {"args", {{"primitive", step.primitive}, {"expected_us", step.expected_us}}}});
    now += times_us[index];
  }
  return Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump(1);
}

}  // namespace raceline
