#include "raceline/base/base64.h"

#include <array>
#include <cstdint>

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> values_of_digits() {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t index = 0; index < digits.size(); ++index)
    values[static_cast<uint8_t>(digits[index])] = static_cast<int8_t>(index);
  return values;
}

}  // namespace

std::string base64(std::string_view bytes) {
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (size_t at = 0; at < bytes.size(); at += 3) {
    const std::string_view group = bytes.substr(at, 3);
    uint32_t bits = 0;
    for (size_t index = 0; index < 3; ++index)
      bits = bits << 8 | (index < group.size() ? static_cast<uint8_t>(group[index]) : 0);
    for (size_t index = 0; index < 4; ++index)
      text += index <= group.size() ? digits[bits >> (18 - 6 * index) & 63] : '=';
  }
  return text;
}

std::string parse_base64(std::string_view text) {
  static constexpr std::array<int8_t, 256> values = values_of_digits();
  if (text.size() % 4 != 0) {
    throw ParseError(fmt::format("base64 of {} characters, wanted a multiple of 4", text.size()));
  }
  const size_t padding = text.ends_with("==") ? 2 : text.ends_with("=") ? 1 : 0;
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  for (size_t at = 0; at < text.size(); at += 4) {
    const size_t held = at + 4 == text.size() ? 4 - padding : 4;
    uint32_t bits = 0;
    for (size_t index = 0; index < 4; ++index) {
      const int8_t value = index < held ? values[static_cast<uint8_t>(text[at + index])] : int8_t{0};
      if (value < 0) throw ParseError(fmt::format("character {} is none of base64's", at + index));
      bits = bits << 6 | static_cast<uint32_t>(value);
    }
    const uint32_t left = held == 4 ? 0 : bits & ((uint32_t{1} << 8 * (4 - held)) - 1);
    if (left != 0) throw ParseError("bits after the end of base64's bytes");
    for (size_t index = 0; index + 1 < held; ++index)
      bytes += static_cast<char>(bits >> (16 - 8 * index) & 255);
  }
  return bytes;
}

}  // namespace raceline
