// The worker protocol's two ends in a worker: requests from stdin, answers to stdout.
#pragma once
#include <cstddef>
#include <cstdio>
#include <filesystem>
#include <string>

namespace raceline::cli {

/// Whatever else is printed meanwhile goes to stderr. Throws IoError.
class WorkerPipes {
 public:
  WorkerPipes();
  ~WorkerPipes();
  WorkerPipes(const WorkerPipes&) = delete;
  WorkerPipes& operator=(const WorkerPipes&) = delete;

  /// False at the end.
  bool read_line(std::string& line) const;
  /// Puts the next `left` bytes into a file.
  void read_into(const std::filesystem::path& path, size_t left) const;
  void write(const std::string& line, const std::string& bytes) const;

 private:
  std::FILE* requests_;
  std::FILE* replies_;
};

}  // namespace raceline::cli
