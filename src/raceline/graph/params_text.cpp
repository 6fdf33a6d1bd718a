#include "raceline/graph/params_text.h"

#include <charconv>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

std::string text_of(int64_t value) {
  return fmt::format("{}", value);
}
std::string text_of(bool value) {
  return value ? "1" : "0";
}
std::string text_of(float value) {
  return number(value);
}
std::string text_of(double value) {
  return number(value);
}
std::string text_of(const std::vector<int64_t>& values) {
  return fmt::format("{}", fmt::join(values, "x"));
}
std::string text_of(const std::vector<float>& values) {
  std::string text;
  for (const float value : values) text += fmt::format("{}{}", text.empty() ? "" : "x", number(value));
  return text;
}
std::string text_of(UnaryKind kind) {
  return std::string(to_string(kind));
}
std::string text_of(BinaryKind kind) {
  return std::string(to_string(kind));
}
std::string text_of(PadMode mode) {
  return std::string(to_string(mode));
}
std::string text_of(ReduceKind kind) {
  return std::string(to_string(kind));
}
std::string text_of(ScatterReduction reduction) {
  return std::string(to_string(reduction));
}
std::string text_of(Interpolation mode) {
  return std::string(to_string(mode));
}
std::string text_of(ResizePlace place) {
  return std::string(to_string(place));
}
std::string text_of(NearestRounding rounding) {
  return std::string(to_string(rounding));
}
std::string text_of(GridPadding padding) {
  return std::string(to_string(padding));
}
std::string text_of(DataType type) {
  return std::string(to_string(type));
}
std::string text_of(const Interface& interface) {
  return interface.to_string();
}

void read(int64_t& value, std::string_view text, std::string_view what) {
  value = parse_int(text, what);
}
void read(float& value, std::string_view text, std::string_view what) {
  value = parse_float(text, what);
}
void read(double& value, std::string_view text, std::string_view what) {
  value = parse_double(text, what);
}
void read(UnaryKind& kind, std::string_view text, std::string_view) {
  kind = parse_unary_kind(text);
}
void read(BinaryKind& kind, std::string_view text, std::string_view) {
  kind = parse_binary_kind(text);
}
void read(PadMode& mode, std::string_view text, std::string_view) {
  mode = parse_pad_mode(text);
}
void read(ReduceKind& kind, std::string_view text, std::string_view) {
  kind = parse_reduce_kind(text);
}
void read(ScatterReduction& reduction, std::string_view text, std::string_view) {
  reduction = parse_scatter_reduction(text);
}
void read(Interpolation& mode, std::string_view text, std::string_view) {
  mode = parse_interpolation(text);
}
void read(ResizePlace& place, std::string_view text, std::string_view) {
  place = parse_resize_place(text);
}
void read(NearestRounding& rounding, std::string_view text, std::string_view) {
  rounding = parse_nearest_rounding(text);
}
void read(GridPadding& padding, std::string_view text, std::string_view) {
  padding = parse_grid_padding(text);
}
void read(DataType& type, std::string_view text, std::string_view) {
  type = parse_data_type(text);
}
void read(Interface& interface, std::string_view text, std::string_view) {
  interface = Interface::parse(text);
}

void read(bool& value, std::string_view text, std::string_view what) {
  if (text != "0" && text != "1") {
    throw ParseError(fmt::format("{}: '{}' given; 0 or 1 wanted", what, text.substr(0, 40)));
  }
  value = text == "1";
}

void read(std::vector<int64_t>& values, std::string_view text, std::string_view what) {
  values.clear();
  if (text.empty()) return;
  for (const std::string_view part : split(text, 'x')) values.push_back(parse_int(part, what));
}

void read(std::vector<float>& values, std::string_view text, std::string_view what) {
  values.clear();
  if (text.empty()) return;
  for (const std::string_view part : split(text, 'x')) values.push_back(parse_float(part, what));
}

}  // namespace

std::string params_text(const OpParams& params, const OpParams& defaults) {
  std::vector<std::string> usual;
  // visit_fields hands out references that may be written, so both are looked at through copies.
  std::visit(
      [&](auto p) {
        visit_fields(p, [&](std::string_view, auto& field) { usual.push_back(text_of(field)); });
      },
      defaults);
  const bool all = std::holds_alternative<ReorderParams>(params);
  std::string text;
  size_t index = 0;
  const auto write = [&](std::string_view name, auto& field) {
    const std::string value = text_of(field);
    // Which function it is says more of a layer than that it is the first of them.
    if (all || name == "kind" || value != usual[index]) text += fmt::format(" {}={}", name, value);
    ++index;
  };
  std::visit([&](auto p) { visit_fields(p, write); }, params);
  return text;
}

void set_param(OpParams& params, std::string_view field, std::string_view value) {
  bool found = false;
  std::vector<std::string> names;
  const auto set = [&](std::string_view name, auto& target) {
    names.emplace_back(name);
    if (name != field) return;
    found = true;
    read(target, value, name);
  };
  std::visit([&](auto& p) { visit_fields(p, set); }, params);
  if (found) return;
  const std::string known = names.empty() ? "the op has none" : fmt::format("it has {}", join(names, ", "));
  throw ParseError(fmt::format("no parameter '{}'; {}", field.substr(0, 40), known));
}

float parse_float(std::string_view text, std::string_view what) {
  // Not by way of double, whose rounding before the float's own could give a neighbour.
  float value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) {
    throw ParseError(fmt::format("{}: '{}' is not a number", what, text.substr(0, 40)));
  }
  return value;
}

}  // namespace raceline
