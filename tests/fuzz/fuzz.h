// What the fuzz targets share. A target may throw raceline::Error, as any reader does; whatever else leaves
// it is a finding, and so is a broken promise().
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include <stdlib.h>

#include "raceline/base/error.h"

namespace raceline::fuzz {

/// Ends the program, which libFuzzer and ctest see, when a promise of the library is broken.
inline void promise(bool kept, const char* what) {
  if (kept) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

/// Readers that want files get them here. One folder a process, removed at its end. Written without fsync, as
/// write_file() would.
class Scratch {
 public:
  Scratch() {
    std::string name = (std::filesystem::temp_directory_path() / "raceline_fuzz_XXXXXX").string();
    promise(::mkdtemp(name.data()) != nullptr, "there is a temporary folder");
    folder_ = name;
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::filesystem::path write(const char* name, std::string_view bytes) const {
    const std::filesystem::path path = folder_ / name;
    std::FILE* file = std::fopen(path.c_str(), "wb");
    promise(file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size() &&
                std::fclose(file) == 0,
            "a temporary file can be written");
    return path;
  }
  std::filesystem::path operator/(const char* name) const { return folder_ / name; }

 private:
  std::filesystem::path folder_;
};

inline std::string_view text_of(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace raceline::fuzz

/// libFuzzer's interface. Returns 0.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
