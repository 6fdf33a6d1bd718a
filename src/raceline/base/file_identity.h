// Which file a path leads to.
#pragma once
#include <cstdint>
#include <filesystem>

namespace raceline {

/// Equal where paths lead to the same file of a machine, unchanged since.
struct FileIdentity {
  uint64_t inode = 0, size = 0;
  int64_t modified_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};

/// Throws IoError.
FileIdentity identity_of(const std::filesystem::path& path);

/// Makes a link at `here` to the file at the path if it is just that file; whether there is a file then.
bool link_to_same(const std::filesystem::path& path, const FileIdentity& wanted,
                  const std::filesystem::path& here);

}  // namespace raceline
