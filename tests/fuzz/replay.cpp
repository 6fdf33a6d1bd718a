// Runs a fuzz target over files, and over all files of folders: its corpus as a test, without libFuzzer.
#include <algorithm>
#include <cstdio>
#include <vector>

#include "raceline/base/file.h"
#include "tests/fuzz/fuzz.h"

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int index = 1; index < argc; ++index) {
    if (!std::filesystem::is_directory(argv[index])) {
      files.emplace_back(argv[index]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[index])) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  for (const std::filesystem::path& file : files) {
    std::printf("%s\n", file.c_str());  // before it runs: the last line names what ended the program
    std::fflush(stdout);
    const std::string content = raceline::read_file(file);
    LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(content.data()), content.size());
  }
  std::printf("%zu files\n", files.size());
  return files.empty() ? 1 : 0;
}
