#include "raceline/report/trace.h"

#include <numeric>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace raceline {

std::string chrome_trace(std::string_view model, std::span<const StepInfo> steps,
                         std::span<const double> times_us) {
  using Json = nlohmann::ordered_json;
  Json events = Json::array();
  events.push_back({{"ph", "M"}, {"pid", 1}, {"name", "process_name"}, {"args", {{"name", model}}}});
  events.push_back(
      {{"ph", "M"}, {"pid", 1}, {"tid", 1}, {"name", "thread_name"}, {"args", {{"name", "steps"}}}});
  double now = 0;
  const auto add = [&](std::string_view name, std::string_view category, double duration, Json args) {
    events.push_back({{"ph", "X"},
                      {"pid", 1},
                      {"tid", 1},
                      {"name", name},
                      {"cat", category},
                      {"ts", now},
                      {"dur", duration},
                      {"args", std::move(args)}});
  };
  for (size_t run = 0; !steps.empty() && run < times_us.size() / steps.size(); ++run) {
    const auto times = times_us.subspan(run * steps.size(), steps.size());
    add(fmt::format("run {}", run + 1), "run", std::accumulate(times.begin(), times.end(), 0.0),
        {{"run", run + 1}});
    for (size_t index = 0; index < steps.size(); ++index) {
      const StepInfo& step = steps[index];
      add(step.name, step.conversion ? "conversion" : "layer", times[index],
          {{"primitive", step.primitive},
           {"layouts", step.layouts},
           {"measured_us", times[index]},
           {"expected_us", step.expected_us}});
      now += times[index];
    }
  }
  return Json{{"displayTimeUnit", "ms"}, {"traceEvents", events}}.dump(1, ' ', false,
                                                                       Json::error_handler_t::replace);
}

}  // namespace raceline
