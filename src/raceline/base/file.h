// Files: read whole, map, replace atomically. Every failure names the path and the reason.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace raceline {

/// The whole file. Throws IoError.
std::string read_file(const std::filesystem::path& path);

/// Replaces or creates the file in one step: a reader sees the old bytes or the new ones, a failure (full
/// disk, no permission) leaves the old file untouched and nothing else behind. Throws IoError.
void write_file(const std::filesystem::path& path, std::string_view content);
/// The same for content that lies in several places.
void write_file(const std::filesystem::path& path, std::span<const std::string_view> parts);

/// A file mapped for reading, private to this process. Throws IoError; an empty file maps to no bytes.
class MappedFile {
 public:
  /// What may be done to the memory: with `copy` it may be written, which the file never sees.
  enum class Access : uint8_t { read, copy };
  explicit MappedFile(const std::filesystem::path& path, Access access = Access::read);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {data_, size_}; }
  /// Tells the system that this part is not needed for now; it may still be read.
  void forget(std::span<const std::byte> part) const;

 private:
  const std::byte* data_ = nullptr;
  size_t size_ = 0;
};

}  // namespace raceline
