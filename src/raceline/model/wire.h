// Protobuf's wire format, as far as it takes to walk over the fields of a message.
#pragma once
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace raceline {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// One field of a message.
struct WireField {
  uint32_t number = 0;
  WireType type = WireType::varint;
  std::span<const std::byte> whole;  ///< tag and length included
  std::span<const std::byte> body;   ///< what the length counts; only of type bytes
};

/// Walks over the fields of one message without looking into them. Nothing is copied.
class WireReader {
 public:
  /// `message` lies in `file`; errors give places as offsets into the file.
  WireReader(std::span<const std::byte> file, std::span<const std::byte> message)
      : file_(file), rest_(message) {}
  /// The next field; absent at the end. Throws ParseError for bytes that are no field, or one that is cut
  /// off.
  std::optional<WireField> next();

 private:
  uint64_t take_varint(size_t most_bytes);
  size_t place() const { return static_cast<size_t>(rest_.data() - file_.data()); }
  std::span<const std::byte> file_;
  std::span<const std::byte> rest_;
};

/// Appends a varint; with `bytes` it is stretched to that many bytes (1 to 10), which every reader accepts.
void append_varint(std::string& out, uint64_t value, size_t bytes = 0);
/// Bytes that a varint takes.
size_t varint_size(uint64_t value);
/// Appends tag, length and body of a field of type bytes.
void append_bytes_field(std::string& out, uint32_t number, std::span<const std::byte> body);

}  // namespace raceline
