// Bytes as text, 6 bits a character (RFC 4648, section 4).
#pragma once
#include <string>
#include <string_view>

namespace raceline {

std::string base64(std::string_view bytes);
/// Throws ParseError naming the place: another character, a length or an end that base64() does not write.
std::string parse_base64(std::string_view text);

}  // namespace raceline
