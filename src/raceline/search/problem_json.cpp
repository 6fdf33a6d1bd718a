// "raceline-problem/1": reading and writing. See docs/formats.md.
#include <algorithm>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <unordered_map>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "raceline/base/error.h"
#include "raceline/base/text.h"
#include "raceline/search/problem.h"

namespace raceline {
namespace {

using nlohmann::json;

constexpr std::string_view format_name = "raceline-problem/1";
constexpr size_t most_bytes = size_t{64} << 20;
constexpr size_t most_depth = 8;  // the format has 5

template <class... Args>
[[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) {
  throw ParseError(fmt::format(text, std::forward<Args>(args)...));
}

std::string json_text(std::string_view text) {
  return json(text).dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Refuses what the JSON library would pass over: a key that stands twice, and nesting without end.
class Guard {
 public:
  bool operator()(json::parse_event_t event, const json& parsed) {
    using Event = json::parse_event_t;
    if (event == Event::object_end || event == Event::array_end) {
      open_.pop_back();
    } else if (event == Event::key) {
      Level& level = open_.back();
      level.key = parsed.get_ref<const std::string&>();
      if (!level.keys.insert(level.key).second)
        refuse("{}: key {} stands twice", place(), json_text(level.key));
    } else {
      if (!open_.empty() && open_.back().array) ++open_.back().index;
      if (event == Event::object_start || event == Event::array_start) {
        if (open_.size() == most_depth) refuse("{}: nested deeper than {} levels", place(), most_depth);
        open_.push_back({.array = event == Event::array_start});
      }
    }
    return true;
  }

 private:
  struct Level {
    bool array = false;
    int64_t index = -1;
    std::string key = {};
    std::set<std::string> keys = {};
  };

  std::string place() const {
    std::string text;
    for (size_t depth = 0; depth + 1 < open_.size(); ++depth) {
      const Level& level = open_[depth];
      text += level.array ? fmt::format("[{}]", level.index)
                          : fmt::format("{}{}", text.empty() ? "" : ".", level.key);
    }
    return text.empty() ? "problem" : text;
  }

  std::vector<Level> open_;
};

class Reader {
 public:
  SelectionProblem read(const json& root) {
    check_keys(root, "problem", {"format", "layers", "tensors"}, {});
    const std::string& format = text(root["format"], "format");
    if (format != format_name) refuse("format: {} is unknown, wanted \"{}\"", json_text(format), format_name);
    each(root["layers"], "layers",
         [&](const json& layer, const std::string& place) { add_layer(layer, place); });
    each(root["tensors"], "tensors",
         [&](const json& tensor, const std::string& place) { add_tensor(tensor, place); });
    return std::move(problem_);
  }

 private:
  static void check_keys(const json& object, const std::string& place,
                         std::initializer_list<const char*> wanted,
                         std::initializer_list<const char*> optional) {
    if (!object.is_object()) refuse("{}: {} instead of an object", place, object.type_name());
    for (const char* key : wanted) {
      if (!object.contains(key)) refuse("{}: \"{}\" is missing", place, key);
    }
    for (const auto& item : object.items()) {
      const std::string& key = item.key();
      const auto same = [&](const char* known) { return key == known; };
      if (std::ranges::none_of(wanted, same) && std::ranges::none_of(optional, same)) {
        refuse("{}: unknown key {}", place, json_text(key));
      }
    }
  }

  static const std::string& text(const json& value, const std::string& place) {
    if (!value.is_string()) refuse("{}: {} instead of a text", place, value.type_name());
    return value.get_ref<const std::string&>();
  }

  static double cost(const json& value, const std::string& place) {
    if (!value.is_number()) refuse("{}: {} instead of a number", place, value.type_name());
    return value.get<double>();
  }

  static int64_t integer(const json& value, const std::string& place) {
    if (value.is_number_unsigned() && value.get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
      refuse("{}: {} is too large", place, value.get<uint64_t>());
    }
    if (!value.is_number_integer()) {
      refuse("{}: {} instead of a whole number", place, value.is_number() ? value.dump() : value.type_name());
    }
    return value.get<int64_t>();
  }

  static int index(const json& value, const std::string& place) {
    const int64_t wide = integer(value, place);
    if (wide < 0 || wide > std::numeric_limits<int>::max()) refuse("{}: {} is no index", place, wide);
    return static_cast<int>(wide);
  }

  template <class Visit>
  static void each(const json& array, const std::string& place, const Visit& visit) {
    if (!array.is_array()) refuse("{}: {} instead of an array", place, array.type_name());
    for (size_t at = 0; at < array.size(); ++at) visit(array[at], fmt::format("{}[{}]", place, at));
  }

  int intern(const std::string& interface) {
    const auto [found, fresh] = known_.try_emplace(interface, static_cast<int>(problem_.interfaces.size()));
    if (fresh) problem_.interfaces.push_back(interface);
    return found->second;
  }

  Slot slot(const json& value, const std::string& place) const {
    if (!value.is_array() || value.size() != 2)
      refuse("{}: wanted [layer, slot], got {}", place, shown(value));
    return {index(value[0], place + "[0]"), index(value[1], place + "[1]")};
  }

  static std::string shown(const json& value) {
    if (value.is_array()) return fmt::format("an array of {}", value.size());
    return value.is_object() ? "an object"
                             : value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 80);
  }

  void add_layer(const json& value, const std::string& place) {
    check_keys(value, place, {"name", "choices"}, {});
    ProblemLayer layer{text(value["name"], place + ".name"), {}};
    each(value["choices"], place + ".choices", [&](const json& one, const std::string& here) {
      check_keys(one, here, {"primitive", "cost_us", "inputs", "outputs"},
                 {"weights_bytes", "workspace_bytes"});
      Choice choice{.primitive = text(one["primitive"], here + ".primitive"),
                    .cost_us = cost(one["cost_us"], here + ".cost_us")};
      const auto interfaces = [&](const char* key, std::vector<int>& into) {
        each(one[key], here + "." + key, [&](const json& name, const std::string& deeper) {
          into.push_back(intern(text(name, deeper)));
        });
      };
      interfaces("inputs", choice.inputs);
      interfaces("outputs", choice.outputs);
      if (one.contains("weights_bytes"))
        choice.weights_bytes = integer(one["weights_bytes"], here + ".weights_bytes");
      if (one.contains("workspace_bytes")) {
        choice.workspace_bytes = integer(one["workspace_bytes"], here + ".workspace_bytes");
      }
      layer.choices.push_back(std::move(choice));
    });
    problem_.layers.push_back(std::move(layer));
  }

  void add_tensor(const json& value, const std::string& place) {
    check_keys(value, place, {"producer", "consumers", "conversion_us"}, {});
    ProblemTensor tensor{.producer = slot(value["producer"], place + ".producer")};
    each(value["consumers"], place + ".consumers",
         [&](const json& one, const std::string& here) { tensor.consumers.push_back(slot(one, here)); });
    const json& conversions = value["conversion_us"];
    const std::string here = place + ".conversion_us";
    if (!conversions.is_object()) refuse("{}: {} instead of an object", here, conversions.type_name());
    for (const auto& [from, targets] : conversions.items()) {
      const std::string row = fmt::format("{}[{}]", here, json_text(from));
      if (!targets.is_object()) refuse("{}: {} instead of an object", row, targets.type_name());
      for (const auto& [to, one] : targets.items()) {
        const double us = cost(one, fmt::format("{}[{}]", row, json_text(to)));
        tensor.conversions.push_back({intern(from), intern(to), us});
      }
    }
    problem_.tensors.push_back(std::move(tensor));
  }

  SelectionProblem problem_;
  std::unordered_map<std::string, int> known_;
};

std::string interface_list(const SelectionProblem& problem, const std::vector<int>& interfaces) {
  std::vector<std::string> names;
  for (const int interface : interfaces)
    names.push_back(json_text(problem.interfaces[static_cast<size_t>(interface)]));
  return fmt::format("[{}]", fmt::join(names, ", "));
}

std::string choice_text(const SelectionProblem& problem, const Choice& choice) {
  std::string bytes;
  if (choice.weights_bytes != 0) bytes += fmt::format(", \"weights_bytes\": {}", choice.weights_bytes);
  if (choice.workspace_bytes != 0) bytes += fmt::format(", \"workspace_bytes\": {}", choice.workspace_bytes);
  return fmt::format(R"({{"primitive": {}, "cost_us": {}, "inputs": {}, "outputs": {}{}}})",
                     json_text(choice.primitive), number(choice.cost_us),
                     interface_list(problem, choice.inputs), interface_list(problem, choice.outputs), bytes);
}

std::string tensor_text(const SelectionProblem& problem, const ProblemTensor& tensor) {
  std::vector<std::string> consumers;
  for (const Slot& slot : tensor.consumers)
    consumers.push_back(fmt::format("[{}, {}]", slot.layer, slot.slot));
  std::map<std::string, std::map<std::string, double>> by_name;
  for (const Conversion& conversion : tensor.conversions) {
    by_name[problem.interfaces[static_cast<size_t>(conversion.from)]]
           [problem.interfaces[static_cast<size_t>(conversion.to)]] = conversion.cost_us;
  }
  std::vector<std::string> rows;
  for (const auto& [from, targets] : by_name) {
    std::vector<std::string> entries;
    for (const auto& [to, us] : targets) entries.push_back(fmt::format("{}: {}", json_text(to), number(us)));
    rows.push_back(fmt::format("{}: {{{}}}", json_text(from), fmt::join(entries, ", ")));
  }
  return fmt::format(R"({{"producer": [{}, {}], "consumers": [{}], "conversion_us": {{{}}}}})",
                     tensor.producer.layer, tensor.producer.slot, fmt::join(consumers, ", "),
                     fmt::join(rows, ", "));
}

}  // namespace

std::string SelectionProblem::to_json() const {
  std::string text = fmt::format("{{\"format\": \"{}\",\n \"layers\": [", format_name);
  for (size_t layer = 0; layer < layers.size(); ++layer) {
    text += fmt::format("{}\n  {{\"name\": {}, \"choices\": [", layer == 0 ? "" : ",",
                        json_text(layers[layer].name));
    for (size_t at = 0; at < layers[layer].choices.size(); ++at) {
      text += (at == 0 ? "\n    " : ",\n    ") + choice_text(*this, layers[layer].choices[at]);
    }
    text += "]}";
  }
  text += "],\n \"tensors\": [";
  for (size_t tensor = 0; tensor < tensors.size(); ++tensor) {
    text += (tensor == 0 ? "\n  " : ",\n  ") + tensor_text(*this, tensors[tensor]);
  }
  return text + "]}\n";
}

SelectionProblem SelectionProblem::parse(std::string_view text) {
  if (text.size() > most_bytes) refuse("problem: {} bytes, at most {} are taken", text.size(), most_bytes);
  json root;
  try {
    Guard guard;
    root = json::parse(
        text, [&guard](int, json::parse_event_t event, json& parsed) { return guard(event, parsed); });
  } catch (const json::exception& error) {
    refuse("problem: {}", error.what());
  }
  SelectionProblem problem = Reader().read(root);
  problem.validate();
  return problem;
}

}  // namespace raceline
