#include "cli/worker_pipes.h"

#include <algorithm>
#include <fstream>

#include <fmt/format.h>
#include <unistd.h>

#include "raceline/base/error.h"

namespace raceline::cli {

WorkerPipes::WorkerPipes()
    : requests_(::fdopen(::dup(STDIN_FILENO), "rb")), replies_(::fdopen(::dup(STDOUT_FILENO), "wb")) {
  if (requests_ == nullptr || replies_ == nullptr) throw IoError("stdin and stdout are wanted");
  ::dup2(STDERR_FILENO, STDOUT_FILENO);
}

WorkerPipes::~WorkerPipes() {
  std::fclose(requests_);
  std::fclose(replies_);
}

bool WorkerPipes::read_line(std::string& line) const {
  line.clear();
  for (int byte = std::fgetc(requests_); byte != EOF; byte = std::fgetc(requests_)) {
    if (byte == '\n') return true;
    line.push_back(static_cast<char>(byte));
  }
  return false;
}

/// Piece by piece: a model should not count as memory of ours.
void WorkerPipes::read_into(const std::filesystem::path& path, size_t left) const {
  std::ofstream file(path, std::ios::binary);
  std::string piece(size_t{1} << 20, '\0');
  while (left > 0) {
    const size_t count = std::min(left, piece.size());
    if (std::fread(piece.data(), 1, count, requests_) != count) throw IoError("a request ended too early");
    file.write(piece.data(), static_cast<std::streamsize>(count));
    left -= count;
  }
  if (!file.flush()) throw IoError(fmt::format("'{}' can't be written", path.string()));
}

void WorkerPipes::write(const std::string& line, const std::string& bytes) const {
  std::fwrite(line.data(), 1, line.size(), replies_);
  std::fputc('\n', replies_);
  std::fwrite(bytes.data(), 1, bytes.size(), replies_);
  if (std::fflush(replies_) != 0) throw IoError("nobody reads the answers");
}

}  // namespace raceline::cli
