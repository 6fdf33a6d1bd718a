#include "raceline/base/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace raceline {

uint64_t hash_bytes(std::span<const std::byte> bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t hash_text(std::string_view text, uint64_t seed) {
  return XXH3_64bits_withSeed(text.data(), text.size(), seed);
}

std::string hex(uint64_t value) {
  return fmt::format("{:016x}", value);
}

}  // namespace raceline
