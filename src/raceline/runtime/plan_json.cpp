// The plan file: "raceline-plan/1" is one plan, "raceline-plan/2" a list of them. Sorted keys, a line for
// each step and conversion, so that diffs are short.
#include <algorithm>
#include <cmath>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "raceline/base/error.h"
#include "raceline/base/strict_json.h"
#include "raceline/base/text.h"
#include "raceline/runtime/plan_set.h"

namespace raceline {
namespace {

using nlohmann::json;

constexpr std::string_view format_name = "raceline-plan/1";
constexpr std::string_view set_format_name = "raceline-plan/2";
constexpr size_t most_bindings = 1000;
constexpr int64_t most_threads = 4096;

// Writing.

std::string json_text(std::string_view text) {
  try {
    return json(text).dump();
  } catch (const json::exception&) {
    throw PlanError(fmt::format("the name '{}' is not UTF-8 and cannot stand in a plan file",
                                json(text).dump(-1, ' ', false, json::error_handler_t::replace)));
  }
}

std::string finite(double value, std::string_view what) {
  if (!std::isfinite(value)) throw PlanError(fmt::format("{} of the plan is not a finite number", what));
  return number(value);
}

std::string json_list(const std::vector<std::string>& texts) {
  std::vector<std::string> parts;
  for (const std::string& text : texts) parts.push_back(json_text(text));
  return fmt::format("[{}]", join(parts, ", "));
}

/// One line an entry.
std::string block(const std::vector<std::string>& lines, char open, char close) {
  if (lines.empty()) return {open, close};
  return fmt::format("{}\n    {}\n  {}", open, join(lines, ",\n    "), close);
}

std::string line_of(const PlanStep& step) {
  return fmt::format(R"({{"covers": {}, "expected_us": {}, "primitive": {}, "threads": {}}})",
                     json_list(step.covers), finite(step.expected_us, "expected_us of a step"),
                     json_text(step.primitive), step.threads);
}

std::string line_of(const PlanConversion& conversion) {
  return fmt::format(
      R"({{"expected_us": {}, "from": {}, "primitive": {}, "tensor": {}, "threads": {}, "to": {}}})",
      finite(conversion.expected_us, "expected_us of a conversion"), json_text(conversion.from.to_string()),
      json_text(conversion.primitive), json_text(conversion.tensor), conversion.threads,
      json_text(conversion.to.to_string()));
}

// Reading.

[[noreturn]] void fail(std::string_view place, std::string_view why) {
  throw ParseError(fmt::format("plan{}{}: {}", place.empty() ? "" : " at ", place, why));
}

/// What a value is, short enough for a message.
std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  const std::string text = value.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= 80 ? text : text.substr(0, 80) + "...";
}

/// An object of known keys, all of them wanted but those that may be left out.
class ObjectReader {
 public:
  ObjectReader(const json& value, std::string place, std::vector<std::string> keys,
               const std::set<std::string>& optional = {})
      : value_(value), place_(std::move(place)) {
    if (!value.is_object()) fail(place_, fmt::format("wanted an object, given {}", shown(value)));
    for (const auto& [key, unused] : value.items()) {
      if (std::find(keys.begin(), keys.end(), key) != keys.end()) continue;
      const std::string near = nearest(key.substr(0, 120), keys, 1)[0];
      fail(place_, fmt::format("unknown key '{}'; the nearest is '{}'", key.substr(0, 120), near));
    }
    for (const std::string& key : keys) {
      if (!value.contains(key) && !optional.contains(key))
        fail(place_, fmt::format("the key '{}' is missing", key));
    }
  }

  std::string at(const std::string& key) const {
    return place_.empty() ? key : fmt::format("{}.{}", place_, key);
  }
  const json& get(const std::string& key) const { return value_.at(key); }

  std::string text(const std::string& key) const {
    const json& value = get(key);
    if (!value.is_string()) fail(at(key), fmt::format("wanted a string, given {}", shown(value)));
    return value.get<std::string>();
  }
  bool flag(const std::string& key) const {
    const json& value = get(key);
    if (!value.is_boolean()) fail(at(key), fmt::format("wanted true or false, given {}", shown(value)));
    return value.get<bool>();
  }
  double time_us(const std::string& key) const {
    const json& value = get(key);
    const double time = value.is_number() ? value.get<double>() : -1;
    if (!(time >= 0)) fail(at(key), fmt::format("wanted microseconds, not negative, given {}", shown(value)));
    return time;
  }
  int threads(const std::string& key, int64_t least) const {
    const json& value = get(key);
    const bool fits = value.is_number_integer() && value >= least && value <= most_threads;
    if (!fits) {
      fail(at(key),
           fmt::format("wanted a whole number from {} to {}, given {}", least, most_threads, shown(value)));
    }
    return value.get<int>();
  }
  const json& list(const std::string& key) const {
    const json& value = get(key);
    if (!value.is_array()) fail(at(key), fmt::format("wanted a list, given {}", shown(value)));
    return value;
  }
  std::vector<std::string> texts(const std::string& key) const {
    std::vector<std::string> texts;
    for (const json& value : list(key)) {
      if (!value.is_string()) {
        fail(fmt::format("{}[{}]", at(key), texts.size()),
             fmt::format("wanted a string, given {}", shown(value)));
      }
      texts.push_back(value.get<std::string>());
    }
    return texts;
  }
  Interface interface(const std::string& key) const {
    const std::string given = text(key);
    try {
      return Interface::parse(given);
    } catch (const Error& error) {
      fail(at(key), error.what());
    }
  }

 private:
  const json& value_;
  std::string place_;
};

PlanStep read_step(const json& value, const std::string& place) {
  const ObjectReader reader(value, place, {"covers", "expected_us", "primitive", "threads"});
  PlanStep step;
  step.covers = reader.texts("covers");
  if (step.covers.empty()) fail(reader.at("covers"), "a step covers at least one node");
  step.primitive = reader.text("primitive");
  step.threads = reader.threads("threads", 0);
  step.expected_us = reader.time_us("expected_us");
  return step;
}

PlanConversion read_conversion(const json& value, const std::string& place) {
  const ObjectReader reader(value, place, {"expected_us", "from", "primitive", "tensor", "threads", "to"},
                            {"threads"});
  PlanConversion conversion;
  conversion.tensor = reader.text("tensor");
  conversion.from = reader.interface("from");
  conversion.to = reader.interface("to");
  conversion.primitive = reader.text("primitive");
  if (value.contains("threads")) conversion.threads = reader.threads("threads", 0);
  conversion.expected_us = reader.time_us("expected_us");
  return conversion;
}

std::map<std::string, std::string> read_shapes(const ObjectReader& reader) {
  const json& given = reader.get("shapes");
  if (!given.is_object()) fail(reader.at("shapes"), fmt::format("wanted an object, given {}", shown(given)));
  std::map<std::string, std::string> shapes;
  for (const auto& [name, shape] : given.items()) {
    const std::string place = reader.at(fmt::format("shapes.{}", name.substr(0, 120)));
    if (!shape.is_string())
      fail(place, fmt::format("wanted a string such as 1x3x224x224, given {}", shown(shape)));
    shapes[name] = shape.get<std::string>();
    try {
      TensorDesc::parse(shapes[name]);
    } catch (const Error& error) {
      fail(place, error.what());
    }
  }
  return shapes;
}

/// The format first: a file of another kind or version should not be called a plan with unknown keys.
void check_format(const json& document, const std::string& place, std::string_view wanted) {
  if (!document.is_object() || !document.contains("format")) {
    fail(place, fmt::format("wanted an object with \"format\": \"{}\"", wanted));
  }
  if (document["format"] != wanted) {
    fail(place.empty() ? "format" : place + ".format",
         fmt::format("wanted \"{}\", given {}", wanted, shown(document["format"])));
  }
}

Plan read_plan(const json& document, const std::string& place) {
  check_format(document, place, format_name);
  const ObjectReader reader(document, place,
                            {"conversions", "expected_us", "format", "fusion", "graph_key", "lower_bound_us",
                             "machine", "model", "shapes", "steps", "strategy", "threads", "without_passes"});
  Plan plan;
  plan.model = reader.text("model");
  plan.graph_key = reader.text("graph_key");
  plan.machine = reader.text("machine");
  plan.strategy = reader.text("strategy");
  plan.threads = reader.threads("threads", 1);
  plan.fusion = reader.flag("fusion");
  plan.without_passes = reader.texts("without_passes");
  plan.shapes = read_shapes(reader);
  plan.expected_us = reader.time_us("expected_us");
  plan.lower_bound_us = reader.time_us("lower_bound_us");
  for (const json& step : reader.list("steps")) {
    plan.steps.push_back(read_step(step, reader.at(fmt::format("steps[{}]", plan.steps.size()))));
  }
  for (const json& conversion : reader.list("conversions")) {
    plan.conversions.push_back(
        read_conversion(conversion, reader.at(fmt::format("conversions[{}]", plan.conversions.size()))));
  }
  return plan;
}

}  // namespace

std::string Plan::to_json() const {
  std::vector<std::string> step_lines, conversion_lines, shape_lines;
  for (const PlanStep& step : steps) step_lines.push_back(line_of(step));
  for (const PlanConversion& conversion : conversions) conversion_lines.push_back(line_of(conversion));
  for (const auto& [name, shape] : shapes)
    shape_lines.push_back(fmt::format("{}: {}", json_text(name), json_text(shape)));
  const std::vector<std::string> lines = {
      fmt::format("\"conversions\": {}", block(conversion_lines, '[', ']')),
      fmt::format("\"expected_us\": {}", finite(expected_us, "expected_us")),
      fmt::format("\"format\": \"{}\"", format_name),
      fmt::format("\"fusion\": {}", fusion),
      fmt::format("\"graph_key\": {}", json_text(graph_key)),
      fmt::format("\"lower_bound_us\": {}", finite(lower_bound_us, "lower_bound_us")),
      fmt::format("\"machine\": {}", json_text(machine)),
      fmt::format("\"model\": {}", json_text(model)),
      fmt::format("\"shapes\": {}", block(shape_lines, '{', '}')),
      fmt::format("\"steps\": {}", block(step_lines, '[', ']')),
      fmt::format("\"strategy\": {}", json_text(strategy)),
      fmt::format("\"threads\": {}", threads),
      fmt::format("\"without_passes\": {}", json_list(without_passes)),
  };
  return fmt::format("{{\n  {}\n}}\n", join(lines, ",\n  "));
}

Plan Plan::from_json(std::string_view text) {
  return read_plan(parse_strict_json<json>(text, fail), "");
}

std::string PlanSet::to_json() const {
  if (plans.empty()) throw PlanError("a plan file holds at least one plan");
  if (plans.size() == 1) return plans.front().to_json();
  std::vector<std::string> entries;
  for (const Plan& plan : plans) {
    std::string entry;
    const std::string text = plan.to_json();
    for (const std::string_view line : split(text, '\n')) {
      if (!line.empty()) entry += fmt::format("{}{}", entry.empty() ? "" : "\n    ", line);
    }
    entries.push_back(std::move(entry));
  }
  return fmt::format("{{\n  \"bindings\": {},\n  \"format\": \"{}\"\n}}\n", block(entries, '[', ']'),
                     set_format_name);
}

PlanSet PlanSet::from_json(std::string_view text) {
  const json document = parse_strict_json<json>(text, fail);
  if (!document.is_object() || !document.contains("format") || document["format"] != set_format_name) {
    return {{read_plan(document, "")}};
  }
  const ObjectReader reader(document, "", {"bindings", "format"});
  PlanSet set;
  const json& list = reader.list("bindings");
  if (list.empty() || list.size() > most_bindings) {
    fail("bindings", fmt::format("wanted 1 to {} plans, given {}", most_bindings, list.size()));
  }
  for (const json& entry : list) {
    const std::string place = fmt::format("bindings[{}]", set.plans.size());
    Plan plan = read_plan(entry, place);
    for (const Plan& other : set.plans) {
      if (other.shapes == plan.shapes && other.graph_key == plan.graph_key) {
        fail(place, fmt::format("a second plan for {}", shapes_text(plan.shapes)));
      }
    }
    set.plans.push_back(std::move(plan));
  }
  return set;
}

}  // namespace raceline
