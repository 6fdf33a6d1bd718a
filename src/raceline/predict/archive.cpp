#include "raceline/predict/archive.h"

#include <cmath>
#include <limits>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "raceline/base/error.h"
#include "raceline/base/strict_json.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

using nlohmann::json;

constexpr int most_depth = 16;

std::string join_place(std::string_view place, std::string_view key) {
  return place.empty() ? std::string(key) : fmt::format("{}.{}", place, key);
}

class Writer : public Archive {
 public:
  Writer(std::string& text, std::string place, size_t indent)
      : text_(text), place_(std::move(place)), indent_(indent) {}

  bool reading() const override { return false; }
  void field(std::string_view key, bool& value) override { put(key, value ? "true" : "false"); }
  void field(std::string_view key, int64_t& value) override { put(key, fmt::format("{}", value)); }
  void field(std::string_view key, double& value) override { put(key, finite(key, value)); }
  void field(std::string_view key, std::string& value) override { put(key, quoted(key, value)); }
  void field(std::string_view key, std::vector<int32_t>& value) override {
    put_list(key, value, [](int32_t each) { return fmt::format("{}", each); });
  }
  void field(std::string_view key, std::vector<float>& value) override {
    put_list(key, value, [&](float each) { return finite(key, each); });
  }
  void field(std::string_view key, std::vector<double>& value) override {
    put_list(key, value, [&](double each) { return finite(key, each); });
  }
  void field(std::string_view key, std::vector<std::string>& value) override {
    put_list(key, value, [&](const std::string& each) { return quoted(key, each); });
  }
  void object(std::string_view key, const Body& body) override {
    begin(key);
    block(join_place(place_, key), indent_, body);
  }
  void list(std::string_view key, size_t& count, const std::function<void(Archive&, size_t)>& body) override {
    begin(key);
    text_ += "[";
    for (size_t index = 0; index < count; ++index) {
      text_ += index == 0 ? "" : ", ";
      block(fmt::format("{}[{}]", join_place(place_, key), index), indent_,
            [&](Archive& archive) { body(archive, index); });
    }
    text_ += "]";
  }
  [[noreturn]] void refuse(std::string_view key, std::string_view why) const override {
    throw Error(fmt::format("{} cannot be written: {}", join_place(place_, key), why));
  }

 private:
  void block(const std::string& place, size_t indent, const Body& body) {
    text_ += "{";
    Writer writer(text_, place, indent + 1);
    body(writer);
    text_ += fmt::format("\n{:{}}}}", "", indent);
  }
  void begin(std::string_view key) {
    text_ += fmt::format("{}\n{:{}}\"{}\": ", first_ ? "" : ",", "", indent_, key);
    first_ = false;
  }
  void put(std::string_view key, std::string_view value) {
    begin(key);
    text_ += value;
  }
  template <class T, class Text>
  void put_list(std::string_view key, const std::vector<T>& values, Text&& text_of) {
    begin(key);
    text_ += "[";
    for (size_t index = 0; index < values.size(); ++index) {
      if (index > 0) text_ += ", ";
      text_ += text_of(values[index]);
    }
    text_ += "]";
  }
  template <class T>
  std::string finite(std::string_view key, T value) const {
    if (!std::isfinite(value)) refuse(key, "not a finite number");
    return number(value);
  }
  std::string quoted(std::string_view key, const std::string& value) const {
    try {
      return json(value).dump();
    } catch (const json::exception&) {
      refuse(key, "not UTF-8");
    }
  }

  std::string& text_;
  std::string place_;
  size_t indent_;
  bool first_ = true;
};

std::string shown(const json& value) {
  if (value.is_object()) return "an object";
  if (value.is_array()) return "a list";
  return value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 80);
}

class Reader : public Archive {
 public:
  Reader(const json& value, std::string_view what, std::string place, int depth)
      : value_(value), what_(what), place_(std::move(place)), depth_(depth) {
    if (!value.is_object()) fail(place_, fmt::format("wanted an object, given {}", shown(value)));
    if (depth > most_depth) fail(place_, "nested too deep");
  }

  bool reading() const override { return true; }
  void field(std::string_view key, bool& value) override {
    const json& given = get(key);
    if (!given.is_boolean()) wanted(key, "true or false", given);
    value = given.get<bool>();
  }
  void field(std::string_view key, int64_t& value) override {
    const json& given = get(key);
    // Numbers beyond int64 are parsed as unsigned or as doubles.
    if (!given.is_number_integer() ||
        (given.is_number_unsigned() &&
         given.get<uint64_t>() > static_cast<uint64_t>(std::numeric_limits<int64_t>::max()))) {
      wanted(key, "a whole number", given);
    }
    value = given.get<int64_t>();
  }
  void field(std::string_view key, double& value) override {
    const json& given = get(key);
    if (!is_finite(given)) wanted(key, "a finite number", given);
    value = given.get<double>();
  }
  void field(std::string_view key, std::string& value) override {
    const json& given = get(key);
    if (!given.is_string()) wanted(key, "a string", given);
    value = given.get<std::string>();
  }
  void field(std::string_view key, std::vector<int32_t>& value) override {
    read_list(key, value, "whole numbers of 32 bits", [](const json& each) {
      constexpr double most = 2147483647;
      return each.is_number_integer() && std::abs(each.get<double>()) <= most;
    });
  }
  void field(std::string_view key, std::vector<float>& value) override {
    read_list(key, value, "finite numbers of 32 bits", [](const json& each) {
      return is_finite(each) && std::abs(each.get<double>()) <= std::numeric_limits<float>::max();
    });
  }
  void field(std::string_view key, std::vector<double>& value) override {
    read_list(key, value, "finite numbers", is_finite);
  }
  void field(std::string_view key, std::vector<std::string>& value) override {
    read_list(key, value, "strings", [](const json& each) { return each.is_string(); });
  }
  void object(std::string_view key, const Body& body) override {
    Reader reader(get(key), what_, join_place(place_, key), depth_ + 1);
    body(reader);
    reader.close();
  }
  void list(std::string_view key, size_t& count, const std::function<void(Archive&, size_t)>& body) override {
    const json& given = get(key);
    if (!given.is_array()) wanted(key, "a list", given);
    count = given.size();
    for (size_t index = 0; index < count; ++index) {
      Reader reader(given[index], what_, fmt::format("{}[{}]", join_place(place_, key), index), depth_ + 1);
      body(reader, index);
      reader.close();
    }
  }
  [[noreturn]] void refuse(std::string_view key, std::string_view why) const override {
    fail(join_place(place_, key), why);
  }
  /// Nothing may be left that nobody asked for.
  void close() const {
    for (const auto& [key, unused] : value_.items()) {
      if (!asked_.contains(key)) fail(place_, fmt::format("unknown key '{}'", key.substr(0, 120)));
    }
  }

 private:
  [[noreturn]] void fail(std::string_view place, std::string_view why) const {
    throw ParseError(fmt::format("{}{}{}: {}", what_, place.empty() ? "" : " at ", place, why));
  }
  [[noreturn]] void wanted(std::string_view key, std::string_view kind, const json& given) const {
    refuse(key, fmt::format("wanted {}, given {}", kind, shown(given)));
  }
  const json& get(std::string_view key) {
    const auto found = value_.find(std::string(key));
    if (found == value_.end()) fail(place_, fmt::format("the key '{}' is missing", key));
    asked_.emplace(key);
    return *found;
  }
  static bool is_finite(const json& given) { return given.is_number() && std::isfinite(given.get<double>()); }
  template <class T, class Fits>
  void read_list(std::string_view key, std::vector<T>& values, std::string_view kind, Fits&& fits) {
    const json& given = get(key);
    if (!given.is_array()) wanted(key, fmt::format("a list of {}", kind), given);
    values.clear();
    values.reserve(given.size());
    for (const json& each : given) {
      if (!fits(each)) wanted(fmt::format("{}[{}]", key, values.size()), fmt::format("{} only", kind), each);
      values.push_back(each.get<T>());
    }
  }

  const json& value_;
  std::string_view what_;
  std::string place_;
  int depth_;
  std::set<std::string, std::less<>> asked_;
};

}  // namespace

std::string write_archive(const Archive::Body& body) {
  std::string text = "{";
  Writer writer(text, "", 1);
  body(writer);
  return text + "\n}\n";
}

void read_archive(std::string_view text, std::string_view what, const Archive::Body& body) {
  const auto fail = [&](std::string_view place, std::string_view why) {
    throw ParseError(fmt::format("{}: {}{}{}", what, place, place.empty() ? "" : ": ", why));
  };
  const json document = parse_strict_json<json>(text, fail, 4 * most_depth);
  Reader reader(document, what, "", 0);
  body(reader);
  reader.close();
}

}  // namespace raceline
