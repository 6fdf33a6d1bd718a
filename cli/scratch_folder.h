// A folder for files of a moment.
#pragma once
#include <filesystem>
#include <string>

#include <fmt/format.h>
#include <stdlib.h>

#include "raceline/base/error.h"

namespace raceline::cli {

/// Made with the object, and removed with all it holds when that ends.
class ScratchFolder {
 public:
  /// Throws IoError.
  ScratchFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "raceline-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw IoError(fmt::format("no folder can be made like '{}'", pattern));
    path_ = pattern;
  }
  ~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace raceline::cli
