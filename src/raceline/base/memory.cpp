#include "raceline/base/memory.h"

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/text.h"

namespace raceline {
namespace {

constexpr std::string_view kind_names[] = {"cpu", "opencl", "cuda"};

}  // namespace

std::string DeviceId::to_string() const {
  std::string text(kind_names[static_cast<size_t>(kind)]);
  if (index > 0) text += fmt::format(":{}", index);
  return text;
}

DeviceId DeviceId::parse(std::string_view text) {
  const size_t colon = text.find(':');
  const std::string_view name = text.substr(0, colon);
  for (size_t kind = 0; kind < std::size(kind_names); ++kind) {
    if (kind_names[kind] != name) continue;
    int64_t index = 0;
    if (colon != std::string_view::npos) index = parse_int(text.substr(colon + 1), "device index");
    if (index < 0 || index > 255) throw ParseError(fmt::format("device '{}': index must be 0 to 255", text));
    return {static_cast<DeviceKind>(kind), static_cast<uint8_t>(index)};
  }
  throw ParseError(fmt::format("'{}' is no device; wanted one of cpu, opencl, cuda", text));
}

}  // namespace raceline
