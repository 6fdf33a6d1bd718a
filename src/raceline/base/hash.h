// Fingerprints of text and bytes (XXH3, 64 bits): for keys and signatures, not for secrets.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace raceline {

uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed = 0);
uint64_t hash_text(std::string_view text, uint64_t seed = 0);
/// 16 hexadecimal digits.
std::string hex(uint64_t value);

}  // namespace raceline
