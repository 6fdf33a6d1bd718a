#include "raceline/base/file.h"

#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "raceline/base/error.h"
#include "raceline/base/write_all.h"

namespace raceline {
namespace {

constexpr int most_scratch_files = 1000;

[[noreturn]] void fail(std::string_view action, const std::filesystem::path& path, int error) {
  throw IoError(fmt::format("cannot {} '{}': {}", action, path.string(), std::strerror(error)));
}

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail("open", path, errno);
  std::string content;
  char block[1 << 16];
  for (;;) {
    const ssize_t got = ::read(file.get(), block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail("read", path, errno);
    if (got == 0) return content;
    content.append(block, static_cast<size_t>(got));
  }
}

void write_file(const std::filesystem::path& path, std::string_view content) {
  write_file(path, std::span(&content, 1));
}

int write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return 0;
}

void write_file(const std::filesystem::path& path, std::span<const std::string_view> parts) {
  // A symbolic link, and a device such as /dev/null or /dev/full, is written through and not replaced.
  std::error_code ignored;
  const std::filesystem::path target =
      std::filesystem::is_symlink(path, ignored) ? std::filesystem::weakly_canonical(path, ignored) : path;
  const bool replace =
      !std::filesystem::exists(target, ignored) || std::filesystem::is_regular_file(target, ignored);
  // The scratch file is this call's alone, whatever other processes and threads write to the same place.
  std::filesystem::path scratch = target;
  Descriptor file(-1);
  for (int attempt = 0; file.get() < 0; ++attempt) {
    if (replace) scratch = target.string() + fmt::format(".{}.{}.partial", ::getpid(), attempt);
    file = Descriptor(::open(scratch.c_str(), O_WRONLY | O_CLOEXEC | (replace ? O_CREAT | O_EXCL : 0), 0666));
    if (file.get() < 0 && !(replace && errno == EEXIST && attempt < most_scratch_files)) {
      fail("write", path, errno);
    }
  }
  const auto give_up = [&](int error) {
    if (replace) ::unlink(scratch.c_str());
    fail("write", path, error);
  };
  for (const std::string_view content : parts) {
    if (const int error = write_all(file.get(), content); error != 0) give_up(error);
  }
  if (!replace) return;
  if (::fsync(file.get()) != 0) give_up(errno);
  if (::close(file.release()) != 0) give_up(errno);
  if (::rename(scratch.c_str(), target.c_str()) != 0) give_up(errno);
}

MappedFile::MappedFile(const std::filesystem::path& path, Access access) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0) fail("open", path, errno);
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) fail("read", path, errno);
  if (!S_ISREG(info.st_mode)) {
    throw IoError(fmt::format("cannot read '{}': not a regular file", path.string()));
  }
  size_ = static_cast<size_t>(info.st_size);
  if (size_ == 0) return;
  void* mapping = ::mmap(nullptr, size_, access == Access::copy ? PROT_READ | PROT_WRITE : PROT_READ,
                         MAP_PRIVATE, file.get(), 0);
  if (mapping == MAP_FAILED) fail("map", path, errno);
  data_ = static_cast<const std::byte*>(mapping);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::forget(std::span<const std::byte> part) const {
  // Whole pages inside the part; the mapping itself begins at a page.
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  const auto begin = static_cast<size_t>(part.data() - data_);
  const size_t first = (begin + page - 1) / page * page;
  const size_t last = (begin + part.size()) / page * page;
  if (first < last) ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

}  // namespace raceline
