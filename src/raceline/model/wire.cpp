#include "raceline/model/wire.h"

#include <fmt/format.h>

#include "raceline/base/error.h"

namespace raceline {
namespace {

constexpr size_t max_varint_bytes = 10;
constexpr size_t max_tag_bytes = 5;

}  // namespace

uint64_t WireReader::take_varint(size_t most_bytes) {
  uint64_t value = 0;
  for (size_t index = 0; index < most_bytes; ++index) {
    if (index == rest_.size()) {
      throw ParseError(fmt::format("cut off: a number at byte {} has no end", place()));
    }
    const auto byte = static_cast<uint8_t>(rest_[index]);
    value |= static_cast<uint64_t>(byte & 0x7F) << (7 * index);
    if ((byte & 0x80) == 0) {
      rest_ = rest_.subspan(index + 1);
      return value;
    }
  }
  throw ParseError(fmt::format("damaged: the number at byte {} is too long", place()));
}

std::optional<WireField> WireReader::next() {
  if (rest_.empty()) return std::nullopt;
  const std::span<const std::byte> from = rest_;
  const size_t start = place();
  const uint64_t tag = take_varint(max_tag_bytes);
  WireField field;
  field.number = static_cast<uint32_t>(tag >> 3);
  if (field.number == 0) throw ParseError(fmt::format("damaged: no field begins at byte {}", start));
  uint64_t length = 0;
  switch (tag & 7) {
    case 0:
      take_varint(max_varint_bytes);
      break;
    case 1:
      length = 8;
      break;
    case 2:
      length = take_varint(max_varint_bytes);
      break;
    case 5:
      length = 4;
      break;
    default:
      throw ParseError(fmt::format("damaged: field {} at byte {} has the unknown wire type {}", field.number,
                                   start, tag & 7));
  }
  field.type = static_cast<WireType>(tag & 7);
  if (length > rest_.size()) {
    const size_t end = place() + rest_.size();
    throw ParseError(
        fmt::format("cut off or damaged: field {} at byte {} wants {} bytes, but the {} ends at byte {}",
                    field.number, start, length, end == file_.size() ? "file" : "message around it", end));
  }
  field.body = rest_.first(static_cast<size_t>(length));
  rest_ = rest_.subspan(static_cast<size_t>(length));
  field.whole = from.first(from.size() - rest_.size());
  return field;
}

void append_varint(std::string& out, uint64_t value, size_t bytes) {
  for (size_t index = 1; value >= 0x80 || index < bytes; ++index) {
    out += static_cast<char>((value & 0x7F) | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

size_t varint_size(uint64_t value) {
  size_t bytes = 1;
  for (; value >= 0x80; value >>= 7) ++bytes;
  return bytes;
}

void append_bytes_field(std::string& out, uint32_t number, std::span<const std::byte> body) {
  append_varint(out, uint64_t{number} << 3 | static_cast<uint64_t>(WireType::bytes));
  append_varint(out, body.size());
  out.append(reinterpret_cast<const char*>(body.data()), body.size());
}

}  // namespace raceline
