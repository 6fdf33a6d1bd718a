// Bytes that have a path, for readers that want a file.
#pragma once
#include <filesystem>
#include <string_view>

namespace raceline {

/// A file in memory, private to this process, for as long as it lives.
class MemoryFile {
 public:
  /// Throws IoError when memory is short.
  explicit MemoryFile(std::string_view bytes);
  ~MemoryFile();
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;

  std::filesystem::path path() const;

 private:
  int fd_;
};

}  // namespace raceline
