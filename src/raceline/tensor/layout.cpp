#include "raceline/tensor/layout.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

constexpr std::string_view names[] = {"nchw", "nhwc", "nchw8c", "nchw16c"};

std::optional<Layout> find_layout(std::string_view text) {
  for (const Layout layout : all_layouts) {
    if (to_string(layout) == text) return layout;
  }
  return std::nullopt;
}

}  // namespace

std::string_view to_string(Layout layout) {
  return names[static_cast<size_t>(layout)];
}

Layout parse_layout(std::string_view text) {
  if (const auto layout = find_layout(text)) return *layout;
  throw ParseError(
      fmt::format("'{}' is no layout; wanted nchw, nhwc, nchw8c or nchw16c", text.substr(0, 40)));
}

int block_of(Layout layout) {
  if (layout == Layout::nchw8c) return 8;
  return layout == Layout::nchw16c ? 16 : 1;
}

bool exists_for(Layout layout, const Shape& shape) {
  return layout == Layout::nchw || shape.rank() == 4;
}

std::string Interface::to_string() const {
  std::string text = fmt::format("{}:{}", device.to_string(), raceline::to_string(layout));
  if (type != DataType::f32) text += fmt::format(":{}", raceline::to_string(type));
  return text;
}

Interface Interface::parse(std::string_view text) {
  // device[:index]:layout[:type]; the layout is the first part that names one.
  const std::vector<std::string_view> parts = split(text, ':');
  for (size_t at = 1; at < parts.size() && at <= 2; ++at) {
    const auto layout = find_layout(parts[at]);
    if (!layout || parts.size() > at + 2) continue;
    Interface interface;
    interface.device =
        DeviceId::parse(text.substr(0, static_cast<size_t>(parts[at].data() - text.data()) - 1));
    interface.layout = *layout;
    if (parts.size() == at + 2) interface.type = parse_data_type(parts[at + 1]);
    return interface;
  }
  throw ParseError(
      fmt::format("'{}' is no interface; wanted device:layout or device:layout:type, such as cpu:nhwc",
                  text.substr(0, 80)));
}

}  // namespace raceline
