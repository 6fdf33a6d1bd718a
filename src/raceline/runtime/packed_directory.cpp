// An entry is a header, then the packed bytes from a multiple of a page on. The header is text that says
// everything of the entry, so that comparing it compares everything: the format, who packed and in which
// revision, hash of the constant, bytes, hash of the packed bytes. The file is named by what does not change
// with the revision: an older entry is replaced and not left behind.
#include "raceline/runtime/packed_directory.h"

#include <algorithm>

#include <fmt/format.h>

#include "raceline/base/error.h"
#include "raceline/base/hash.h"

namespace raceline {
namespace {

constexpr size_t page_bytes = 4096;

std::string header_of(const PackedKey& key, std::span<const std::byte> packed) {
  std::string header = fmt::format("raceline-packed/1\n{}\n{}\nof {}, {} bytes, {}\n", key.packer,
                                   key.revision, hex(key.data), packed.size(), hex(hash_bytes(packed)));
  header.resize((header.size() + page_bytes - 1) / page_bytes * page_bytes, '\n');
  return header;
}

std::filesystem::path file_of(const std::filesystem::path& folder, const PackedKey& key) {
  return folder / fmt::format("{}.packed", hex(hash_text(key.packer, key.data)));
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<PackedBytes> PackedDirectory::find(const PackedKey& key, size_t bytes) {
  if (bytes < least_bytes) return std::nullopt;
  try {
    MappedFile file(file_of(folder_, key), MappedFile::Access::copy);
    const std::span<const std::byte> whole = file.bytes();
    if (whole.size() <= bytes || (whole.size() - bytes) % page_bytes != 0) return std::nullopt;
    const std::span<const std::byte> packed = whole.last(bytes);
    if (text_of(whole.first(whole.size() - bytes)) != header_of(key, packed)) return std::nullopt;
    ++use_.found;
    use_.found_bytes += bytes;
    return PackedBytes(std::move(file), packed);
  } catch (const IoError&) {
    return std::nullopt;  // there is none, or none that can be read
  }
}

void PackedDirectory::keep(const PackedKey& key, std::span<const std::byte> packed) {
  if (packed.size() < least_bytes || !trouble_.empty()) return;
  std::error_code error;
  std::filesystem::create_directories(folder_, error);
  if (error) {
    trouble_ = fmt::format("cannot make the folder '{}': {}", folder_.string(), error.message());
    return;
  }
  const std::string header = header_of(key, packed);
  const std::string_view parts[] = {header, text_of(packed)};
  try {
    write_file(file_of(folder_, key), parts);
  } catch (const IoError& failure) {
    trouble_ = failure.what();
    return;
  }
  ++use_.kept;
  use_.kept_bytes += packed.size();
}

}  // namespace raceline
