#include "raceline/report/notes.h"

#include <numeric>
#include <string>

#include <fmt/format.h>

namespace raceline {
namespace {

std::string microseconds(double time_us) {
  return fmt::format("{:.2f}", time_us);
}

}  // namespace

OnnxNotes notes_of(const Graph& graph, std::span<const StepInfo> steps, std::span<const double> times_us) {
  OnnxNotes notes;
  const double all = std::accumulate(times_us.begin(), times_us.end(), 0.0);
  double conversions = 0;
  const auto add = [&](const std::string& name, OnnxProperties properties) {
    const NodeId node = graph.find_node(name);
    if (node == absent) return;
    notes.nodes.push_back({name, graph.value(graph.node(node).outputs[0]).name, std::move(properties)});
  };
  for (size_t index = 0; index < steps.size(); ++index) {
    const StepInfo& step = steps[index];
    if (step.covers.empty()) {
      conversions += times_us[index];
      continue;
    }
    OnnxProperties properties{
        {"raceline.time_us", microseconds(times_us[index])},
        {"raceline.share", fmt::format("{:.1f} %", all > 0 ? 100 * times_us[index] / all : 0)},
        {"raceline.primitive", std::string(step.primitive)},
        {"raceline.layouts", std::string(step.layouts)}};
    if (step.expected_us > 0) properties.emplace_back("raceline.expected_us", microseconds(step.expected_us));
    if (step.covers.size() > 1) properties.emplace_back("raceline.computes", std::string(step.name));
    add(step.covers[0], std::move(properties));
    for (const std::string& other : step.covers.subspan(1)) {
      add(other, {{"raceline.computed_with", step.covers[0]}});
    }
  }
  notes.model = {{"raceline.layers_us", microseconds(all - conversions)},
                 {"raceline.conversions_us", microseconds(conversions)}};
  return notes;
}

}  // namespace raceline
